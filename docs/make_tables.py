"""Writes the tables in the documentation that the code knows best.

`python docs/make_tables.py` replaces what stands between `<!-- table: NAME -->` and
`<!-- end -->` in the README and the pages of this folder. A test holds the pages against it.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from affidavit.attribution import PRESETS
from affidavit.attribution.explainers import EXPLAINERS
from affidavit.data import named_sets
from affidavit.graph import supported_ops
from affidavit.initialization.catalogue import ALIASES, INITIALIZERS
from affidavit.methods import METHODS
from affidavit.misclassification import BLOCKS, HEADS, SCORERS

ROOT = Path(__file__).parents[1]


def ops() -> Iterator[str]:
    yield "| op | meaning | PyTorch (ATen) | ONNX | " + " | ".join(METHODS) + " |"
    yield "|---|---|---|---|" + "---|" * len(METHODS)
    for op in supported_ops(METHODS):
        marks = " | ".join("yes" if method in op.methods else "no" for method in METHODS)
        meaning = op.meaning.replace("|", "\\|")
        names = [", ".join(f"`{name}`" for name in known) for known in (op.pytorch, op.onnx)]
        yield f"| `{op.name}` | {meaning} | {names[0]} | {names[1]} | {marks} |"


def data_sets() -> Iterator[str]:
    yield "| name | what it is | files in the data folder | download |"
    yield "|---|---|---|---|"
    for item in named_sets:
        files = ", ".join(f"`{file}`" for file in item.files) or "installed with scikit-learn"
        yes = "yes" if item.downloads else "no"
        yield f"| `{item.name}` | {item.description} | {files} | {yes} |"


COSTS = (
    "regions",
    "gradient_bounds",
    "certified_training",
    "neuromask",
    "conductance",
    "mutation",
    "initialization",
    "interpreter",
    "loading",
    "help",
)
"""Benchmarks that `costs.md` tells of, all of them."""

HEADLINES = {
    "all regions, 2 inputs, 768 and 128 units, against regioncam": (
        "regions", "2x768x128_s0 against regioncam",
    ),
    "all regions, 5 inputs, 16 units by 8 layers, against affinitree": (
        "regions", "5x16x8_s0 against affinitree",
    ),
    "all regions, 12 inputs, 10 units by 8 layers, against affinitree": (
        "regions", "12x10x8_s0 against affinitree",
    ),
    "bounds of gradients, dense, by CROWN, against auto_LiRPA 0.7.1 (recorded)": (
        "gradient_bounds",
        "crown against auto_LiRPA 0.7.1 (recorded), mnist_fcn_2x128, eps 0.01",
    ),
    "the same, a small CNN": (
        "gradient_bounds",
        "crown against auto_LiRPA 0.7.1 (recorded), mnist_cnn_small, eps 0.01",
    ),
    "the same by intervals, against a forward pass": (
        "gradient_bounds", "ibp against a forward pass, small CNN, threads 2",
    ),
    "a step of certified training, a small CNN, against a standard step": (
        "certified_training", "small CNN, logit, ε 0.01, γ 0.01: against a standard step",
    ),
    "a mask of EfficientNet-Lite0, `fast` in a batch, against `official`": (
        "neuromask",
        "EfficientNet-Lite0, 224², batch 8: `fast` in a batch against `official` one by one,"
        " an image",
    ),
    "conductance of ResNet-20's last block, against captum": (
        "conductance", "last block, batch 32, captum riemann_trapezoid",
    ),
    "conductance of five blocks, against captum": (
        "conductance", "five blocks, batch 32, captum riemann_trapezoid",
    ),
    "label change rates over 100 mutants, against in-memory edits": (
        "mutation", "100 one-filter mutants, batch 32, against in-memory edits",
    ),
    "the same by the sequential test": (
        "mutation", "sequential test, batch 32, against 100 in-memory edits",
    ),
}  # fmt: skip
"""What the README tells of them: words, and the benchmark and case that they stand for."""


def costs() -> Iterator[str]:
    for name in COSTS:
        record = recorded(name)
        yield ""
        yield f"## {name.replace('_', ' ').capitalize()}"
        yield ""
        yield f"`{record['command']}`, {record['date']}"
        yield ""
        yield from cost_rows({f"{case}": found for case, found in record["results"].items()})


def headlines() -> Iterator[str]:
    found = {words: recorded(name)["results"][case] for words, (name, case) in HEADLINES.items()}
    return cost_rows(found)


def cost_rows(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield "| | ours | peer | ours / peer |"
    yield "|---|---|---|---|"
    for case, one in found.items():
        times = (one[key] for key in ("ours_seconds", "peer_seconds"))
        seconds = [f"{time:.2g} s" if time else "" for time in times]
        yield f"| {case} | {' | '.join(seconds)} | {one['ratio']:.2g} |"


def recorded(name: str) -> Any:
    """What a benchmark last found."""
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())


def tightness() -> Iterator[str]:
    path = ROOT / "experiments" / "certify" / "results" / "tightness.json"
    record = json.loads(path.read_text())
    methods = record["settings"]["methods"]
    yield "| network | ε | " + " | ".join(methods) + " |"
    yield "|---|---|" + "---|" * len(methods)
    for name, network in record["results"].items():
        layers = "-".join(map(str, network["layers"]))
        for box in network["boxes"]:
            shares = [f"{box['width_over_exact'][method]:.3g}" for method in methods]
            yield f"| {name} {layers} | {box['epsilon']:g} | {' | '.join(shares)} |"


def widths() -> Iterator[str]:
    yield "| network, ε | mean width | auto_LiRPA's | seconds an input | times faster |"
    yield "|---|---|---|---|---|"
    path = ROOT / "benchmarks" / "results" / "gradient_bounds.json"
    for case, found in json.loads(path.read_text())["results"].items():
        if "mean_width" in found:
            name = case.split(", ", 1)[1]
            mean = [f"{found[key]:.4f}" for key in ("mean_width", "peer_mean_width")]
            speed = f"{found['ours_seconds']:.2g} | {1 / found['ratio']:.2g}"
            yield f"| {name} | {' | '.join(mean)} | {speed} |"


def explainers() -> Iterator[str]:
    yield "| name | what it is | options |"
    yield "|---|---|---|"
    for name, kind in EXPLAINERS.items():
        meaning = (inspect.getdoc(kind) or "").splitlines()[0].rstrip(".").replace("|", "\\|")
        defaults = [(field.name, field.default) for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
        options = ", ".join(f"`{option} = {value!r}`" for option, value in defaults) or "none"
        yield f"| `{name}` | {meaning} | {options} |"


def presets() -> Iterator[str]:
    sides = {"paper": 224, "official-imagenet": 224, "official-cifar": 32}
    found = {name: flat(PRESETS[name]((side, side))) for name, side in sides.items()}
    yield "| constant | " + " | ".join(f"`{name}`" for name in found) + " |"
    yield "|---|" + "---|" * len(found)
    for key in next(iter(found.values())):
        cells = [constants[key] for constants in found.values()]
        texts = [f"{cell:.4g}" if isinstance(cell, float) else f"{cell}" for cell in cells]
        yield f"| `{key}` | {' | '.join(texts)} |"


def flat(preset: Any) -> dict[str, Any]:
    """A preset's constants by name, those of its optimiser among them."""
    found = dataclasses.asdict(preset)
    optimiser = found.pop("optimiser")
    return found | {f"optimiser.{name}": value for name, value in optimiser.items()}


def _of_doubt(head: str, known: Mapping[str, tuple[str, Iterable[str]]]) -> Iterator[str]:
    yield f"| name | what it is | {head} |"
    yield "|---|---|---|"
    for name, (summary, further) in known.items():
        yield f"| `{name}` | {summary} | {', '.join(f'`{one}`' for one in further) or 'none'} |"


def scorers() -> Iterator[str]:
    known = {}
    for name, kind in SCORERS.items():
        needs = kind().needs - {"logits"}
        known[name] = (kind.summary + (" (fitted)" if kind.needs_fit else ""), sorted(needs))
    return _of_doubt("signals beside logits", known)


def features() -> Iterator[str]:
    known = {name: (block.summary, sorted(block.needs)) for name, block in BLOCKS.items()}
    return _of_doubt("signals beside logits", known)


def heads() -> Iterator[str]:
    return _of_doubt(
        "settings",
        {
            name: (
                head.summary,
                [f"{one.name} = {getattr(head, one.name)!r}" for one in dataclasses.fields(head)],
            )
            for name, head in HEADS.items()
        },
    )


def initializers() -> Iterator[str]:
    others: dict[str, list[str]] = {}
    for alias, name in ALIASES.items():
        others.setdefault(name, []).append(f"`{alias}`")
    yield "| name | whose | what it draws | options | also called |"
    yield "|---|---|---|---|---|"
    for name, entry in INITIALIZERS.items():
        options = [
            f"`{option}`" if default is None else f"`{option} = {default!r}`"
            for option, default in entry.options.items()
        ]
        cells = [entry.library, entry.summary, ", ".join(options), ", ".join(others.get(name, []))]
        yield f"| `{name}` | {' | '.join(cells)} |"


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "ops": ops,
    "data sets": data_sets,
    "costs": costs,
    "headlines": headlines,
    "tightness": tightness,
    "widths": widths,
    "explainers": explainers,
    "presets": presets,
    "scorers": scorers,
    "features": features,
    "heads": heads,
    "initializers": initializers,
    "20 networks 784-256-10 trained together, batches of 32, against a plain loop": (
        "initialization",
        "20 networks 784-256-10, batch 32, 2 threads",
    ),
    "the same, batches of 128": (
        "initialization",
        "20 networks 784-256-10, batch 128, 2 threads",
    ),
}


def filled(page: str) -> str:
    """The page with its tables as they must be."""

    def table(match: re.Match[str]) -> str:
        lines = "\n".join(TABLES[match[1]]())
        return f"<!-- table: {match[1]} -->\n{lines}\n<!-- end -->"

    return re.sub(r"<!-- table: ([\w ]+) -->\n.*?<!-- end -->", table, page, flags=re.DOTALL)


def main() -> None:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
