"""Finding and downloading files, from a server of the test's own."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from affidavit.data.named.download import SetFile, cache_folder, fetch, find
from affidavit.errors import DataError

CONTENT = b"some bytes " * 100_000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT, whole, cut short or packed; anything else is not found."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path not in ("/whole", "/short", "/packed"):
            self.send_error(404)
            return
        body = gzip.compress(CONTENT) if self.path == "/packed" else CONTENT
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:5000] if self.path == "/short" else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nothing."""


@pytest.fixture
def server(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Handler.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def left_in(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.rglob("*") if item.is_file())


def test_a_download_is_checked_and_kept(
    server: str, no_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = SetFile("toy/a.bin", f"{server}/whole", ("md5:0", DIGEST))
    assert find(file) is None
    path = fetch(file, progress=True)
    assert path == no_data / "toy" / "a.bin"
    assert path.read_bytes() == CONTENT
    assert find(file) == (path, "")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "toy/a.bin" in captured.err
    fetch(file, progress=False)
    assert capsys.readouterr().err == ""
    assert left_in(no_data) == ["a.bin"]


def test_checksums_of_packed_files_are_of_their_content(server: str, no_data: Path) -> None:
    file = SetFile("a.gz", f"{server}/packed", (DIGEST,), unpacked=True)
    assert fetch(file, progress=False).is_file()


@pytest.mark.parametrize(
    ("page", "digest", "reason"),
    [
        ("/absent", DIGEST, "Not Found"),
        ("/short", DIGEST, "it ended after 5000 of 1100000 bytes|IncompleteRead"),
        ("/whole", "sha256:00", "its checksum is not the one expected"),
    ],
)
def test_a_failed_download_leaves_nothing_and_says_what_to_do(
    server: str, no_data: Path, page: str, digest: str, reason: str
) -> None:
    file = SetFile("toy/a.bin", server + page, (digest,))
    with pytest.raises(DataError, match=reason) as caught:
        fetch(file, progress=False)
    assert server + page in str(caught.value)
    assert str(no_data / "toy" / "a.bin") in str(caught.value)
    assert "AFFIDAVIT_DATA" in str(caught.value)
    assert left_in(no_data) == []


def test_a_damaged_gzip_is_a_failed_download(server: str, no_data: Path) -> None:
    file = SetFile("a.gz", f"{server}/whole", (DIGEST,), unpacked=True)
    with pytest.raises(DataError, match=r"could not be downloaded: .* as a gzip file"):
        fetch(file, progress=False)
    assert left_in(no_data) == []


def test_no_server(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DataError, match=r"could not be downloaded: .*refused"):
        fetch(SetFile("a", "http://127.0.0.1:1/a", (DIGEST,)), progress=False)
    with pytest.raises(DataError, match="no web address"):
        fetch(SetFile("a", "file:///etc/hostname", (DIGEST,)), progress=False)


def test_a_damaged_file_in_the_cache(no_data: Path) -> None:
    no_data.mkdir()
    (no_data / "a").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match=r"a is damaged: its checksum differs. Remove it"):
        find(SetFile("a", "", (DIGEST,)))


def test_the_users_folder_comes_first_and_an_unknown_copy_is_noted(
    no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    no_data.mkdir()
    (no_data / "a").write_bytes(CONTENT)
    monkeypatch.setenv("AFFIDAVIT_DATA", str(own))
    file = SetFile("a", "", (DIGEST,))
    assert find(file) == (no_data / "a", "")
    (own / "a").write_bytes(CONTENT)
    assert find(file) == (own / "a", "")
    (own / "a").write_bytes(b"other")
    found = find(file)
    assert found is not None
    assert (
        found[1]
        == f"a is no copy known here (its sha256 is {hashlib.sha256(b'other').hexdigest()})"
    )


def test_a_folder_that_is_none(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFIDAVIT_DATA", "/no/such/folder")
    with pytest.raises(DataError, match="AFFIDAVIT_DATA is '/no/such/folder', which is no folder"):
        find(SetFile("a"))


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AFFIDAVIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot be written: .*Set AFFIDAVIT_CACHE"):
        fetch(SetFile("toy/a", "http://127.0.0.1:1/a"), progress=False)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFFIDAVIT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == Path("/x/affidavit")
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "affidavit"
