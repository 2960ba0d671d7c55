"""The command line: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from affidavit import __version__
from affidavit.cli import app

CLAIMS = Path(__file__).parents[2] / "examples" / "claims"

NETWORK = """
import torch
class Net(torch.nn.Module):
    def forward(self, x):
        x = x @ torch.eye(2)
        return torch.cat([x[:, :1], 1 - x[:, :1]], 1)
def net(): return Net()
class Undefined(torch.nn.Module):
    def forward(self, x):
        return (x - x) / (x - x)
def undefined(): return Undefined()
"""

CONTRACT = """
[model]
source = "network.py:net"
[data]
source = "data.csv"
label = "y"
features = ["a", "b"]
[[claim]]
id = "accurate"
kind = "accuracy"
at_least = 0.5
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A contract with its network and data: right on every row."""
    rows = [f"{i % 2},{i},{'no' if i % 2 else 'yes'},{'m' if i < 30 else 'f'}" for i in range(60)]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,y,sex", *rows]))
    (tmp_path / "network.py").write_text(NETWORK)
    (tmp_path / "contract.toml").write_text(CONTRACT)
    return tmp_path


def edited(folder: Path, name: str, old: str, new: str) -> Path:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    return folder / "contract.toml"


@pytest.mark.parametrize(("verdict", "status"), [("holds", 0), ("violated", 1), ("undecided", 2)])
def test_the_exit_status_is_the_verdict(verdict: str, status: int) -> None:
    result = run("audit", CLAIMS / f"accuracy-{verdict}.toml")
    assert result.exit_code == status
    assert f"accuracy-{verdict}" in result.output
    assert verdict in result.output


def test_an_audit_writes_its_folder(folder: Path) -> None:
    result = run("audit", folder / "contract.toml", "--out", folder / "out")
    assert result.exit_code == 0, result.output
    assert f"Report: {folder / 'out' / 'report.html'}" in result.output
    assert {p.name for p in (folder / "out").iterdir()} == {
        "affidavit.json",
        "evidence",
        "junit.xml",
        "report.html",
    }


def test_quiet_prints_nothing(folder: Path) -> None:
    result = run("audit", folder / "contract.toml", "--out", folder / "out", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_show_prints_a_saved_affidavit_and_draws_it_anew(folder: Path) -> None:
    run("audit", folder / "contract.toml", "--out", folder / "out")
    report = folder / "out" / "report.html"
    before = report.read_bytes()
    report.unlink()
    for name in ("network.py", "data.csv"):
        (folder / name).unlink()
    shown = run("show", folder / "out", "--render")
    assert shown.exit_code == 0
    assert "accurate" in shown.output
    assert report.read_bytes() == before


def test_diff_tells_what_got_worse(folder: Path) -> None:
    run("audit", folder / "contract.toml", "--out", folder / "old")
    edited(folder, "network.py", "x[:, :1], 1 - x[:, :1]", "1 - x[:, :1], x[:, :1]")
    run("audit", folder / "contract.toml", "--out", folder / "new")
    worse = run("diff", folder / "old", folder / "new")
    assert worse.exit_code == 1
    assert "accurate" in worse.output
    assert run("diff", folder / "new", folder / "old").exit_code == 0
    assert run("diff", folder / "old", folder / "old").exit_code == 0


BAD = [
    ("contract.toml", "[model]", "[model", "not valid TOML"),
    ("contract.toml", 'label = "y"', "", "label"),
    ("contract.toml", 'label = "y"', 'label = "z"', "'z'"),
    ("contract.toml", '"accuracy"', '"accuracies"', "did you mean 'accuracy'?"),
    ("contract.toml", '["a", "b"]', '["a", "b", "sex"]', "[2, 4]"),
    ("contract.toml", "at_least", "on = 'train'\nat_least", "in claim 'accurate'"),
    ("contract.toml", "at_least", 'by = ["age"]\nat_least', "no column 'age'"),
    ("contract.toml", "network.py:net", "network.py:undefined", "returns NaN on 60 of the 60"),
    ("contract.toml", "data.csv", "date.csv", "date.csv"),
    ("data.csv", "1,1,no", "nan,1,no", "'a'"),
    ("data.csv", "1,1,no", "inf,1,no", "'a'"),
    ("data.csv", "1,1,no", "1,1,maybe", "the model tells 2 classes apart, and data.csv has 3"),
    ("network.py", "import torch", "import torhc", "cannot be imported"),
]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"), BAD, ids=[new or old for _, old, new, _ in BAD]
)
def test_what_cannot_be_audited_ends_with_3_and_one_message(
    folder: Path, name: str, old: str, new: str, message: str
) -> None:
    contract = edited(folder, name, old, new)
    result = run("audit", contract, "--out", folder / "out")
    assert result.exit_code == 3
    assert message in result.stderr
    assert result.stderr.startswith("affidavit: ")
    assert "Traceback" not in result.output
    assert not (folder / "out").exists()
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_an_empty_split_ends_with_3(folder: Path) -> None:
    contract = edited(
        folder, "contract.toml", 'label = "y"', 'label = "y"\nsplit = { train = 1.0 }'
    )
    result = run("audit", contract)
    assert result.exit_code == 3
    assert "test" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit"],
        ["audit", "none.toml"],
        ["audit", "c.toml", "--nothing"],
        ["show", "nowhere"],
        ["diff", "nowhere", "nowhere"],
        ["claims", "acuracy"],
        ["adit", "c.toml"],
    ],
)
def test_a_wrong_call_ends_with_3(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 3
    assert result.stderr
    assert "Traceback" not in result.output


def test_an_output_folder_in_use_is_told_before_the_work(folder: Path) -> None:
    result = run("audit", folder / "no_such_contract.toml", "--out", folder)
    assert result.exit_code == 3
    assert "no_such_contract" not in result.stderr
    assert (folder / "network.py").exists()


def test_tables_list_what_there_is() -> None:
    ops = run("ops")
    assert ops.exit_code == 0
    for word in ("Linear", "MaxPool", "AveragePool", "intervals"):
        assert word in ops.output
    assert "at_least" in run("claims").output
    assert "at_least" in run("claims", "accuracy").output
    assert "mnist" in run("data").output


def test_the_version() -> None:
    assert run("--version").output == f"affidavit {__version__}\n"


def python(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, **options
    )


@pytest.mark.parametrize(
    "call", [["--help"], ["audit", "--help"], ["--version"], ["show", "nowhere"]]
)
def test_what_needs_no_network_does_not_wait_for_torch(call: list[str]) -> None:
    code = (
        "import sys\nfrom affidavit.cli import app\n"
        f"try: app({call})\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'matplotlib', 'sklearn', 'onnx', 'pandas', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr


def test_help_gives_examples() -> None:
    for command in ("audit", "show", "diff"):
        assert "Example: affidavit" in run(command, "--help").output.replace("`", "")


def test_an_interrupted_audit_leaves_nothing(folder: Path) -> None:
    edited(
        folder,
        "network.py",
        "def net(): return Net()",
        "def net():\n    print('started', flush=True)\n    import time; time.sleep(60)",
    )
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "affidavit",
            "audit",
            folder / "contract.toml",
            "--out",
            folder / "out",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 3
    assert stderr == "affidavit: interrupted; nothing was written\n"
    assert not (folder / "out").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a place that nobody may write")
def test_an_unwritable_place_is_told(folder: Path) -> None:
    result = run("audit", folder / "contract.toml", "--out", "/proc/affidavit")
    assert result.exit_code == 3
    assert result.stderr.startswith("affidavit: /proc/affidavit")


def test_a_file_in_the_way_of_the_output_is_told(folder: Path) -> None:
    result = run("audit", folder / "contract.toml", "--out", folder / "data.csv" / "out")
    assert result.exit_code == 3
    assert "data.csv" in result.stderr
    assert (folder / "data.csv").is_file()


def shell(line: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a line of bash in which $A is the program, with the status of its first command."""
    script = f"set -o pipefail; A='{sys.executable} -m affidavit'; {line}"
    environment = {**os.environ, **variables}
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("$A audit contract.toml | true", 0, ""),
        ("$A ops | head -n 1", 0, ""),
        ("$A audit contract.toml >&-", 0, ""),
        ("$A audit contract.toml 2>&-", 0, ""),
        ("$A audit contract.toml > /dev/full", 3, "No space left on device"),
    ],
)
def test_the_end_of_the_output_is_not_taken_for_a_verdict(
    folder: Path, line: str, status: int, message: str
) -> None:
    result = shell(line, folder)
    assert result.returncode == status, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_terminal_without_the_signs_gets_others(folder: Path) -> None:
    result = shell("$A audit contract.toml", folder, PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    assert "+ holds" in result.stdout
    assert "? holds" not in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("def net(): return Net()", "def net(): raise SystemExit(0)", "failed: SystemExit"),
        ("def net(): return Net()", "raise SystemExit(0)", "cannot be imported: SystemExit"),
        ("import torch", "import torch, os\nos.chdir('/'); os.environ['HOME'] = '/none'", ""),
    ],
)
def test_a_factory_cannot_choose_the_exit_status(
    folder: Path, old: str, new: str, message: str
) -> None:
    result = run("audit", edited(folder, "network.py", old, new))
    assert result.exit_code == (3 if message else 0)
    assert message in result.stderr


def test_what_nobody_foresaw_ends_with_3(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise KeyError("out of the blue")

    monkeypatch.setattr("affidavit.contract.auditing.load_data", fail)
    result = run("audit", folder / "contract.toml")
    assert result.exit_code == 3
    assert "unforeseen KeyError: 'out of the blue'" in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("AFFIDAVIT_TRACEBACK", "1")
    assert "Traceback" in run("audit", folder / "contract.toml").stderr


@pytest.mark.parametrize("device", ["meta", "gpu", "cuda:99"])
def test_a_device_that_cannot_compute_is_told(folder: Path, device: str) -> None:
    contract = edited(
        folder, "contract.toml", "[[claim]]", f'[run]\ndevice = "{device}"\n[[claim]]'
    )
    result = run("audit", contract)
    assert result.exit_code == 3
    assert f"device: '{device}' cannot be used" in result.stderr
