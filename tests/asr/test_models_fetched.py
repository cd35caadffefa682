"""A model is fetched from a server that may cut or lie; what is installed is what was asked for."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asr import download
from asr.catalogue import public_models
from asr.download import ChecksumWrong, DiskFull, DownloadFailed, fetch
from asr.installed import ModelUnknown, Wish, get_model, installed_models, wish
from asr.models import ModelFacts, ModelInvalid, check_model, check_whole
from asr.unpack import ArchiveRefused

CONTENT = bytes(range(256)) * 6000


@dataclass
class Server:
    """Serves one file; what it does wrong is set by the test."""

    content: bytes
    ranges: bool = True
    etag: str = '"one"'
    #: connections that are cut after so many bytes, in their order
    cuts: list[int] = field(default_factory=list)
    status: int = 200
    asked: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        if self.status != 200:
            request.send_error(self.status)
            return
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if wanted and request.headers.get("If-Range") != self.etag:
            begin = 0
        if begin >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        body = self.content[begin:]
        request.send_response(206 if begin else 200)
        if begin:
            last = len(self.content) - 1
            request.send_header("Content-Range", f"bytes {begin}-{last}/{len(self.content)}")
        request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)
        request.close_connection = True


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], Server]]:
    """Starts servers on this machine; pauses between attempts are short."""
    monkeypatch.setattr(download, "PAUSES_S", (0.01,) * 4)
    running: list[ThreadingHTTPServer] = []

    def start(content: bytes) -> Server:
        server = Server(content)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        running.append(http)
        server.url = f"http://127.0.0.1:{http.server_port}/model.zip"
        return server

    yield start
    for http in running:
        http.shutdown()
        http.server_close()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("ranges", "cuts"), [(True, []), (True, [500_000, 9, 0, 400_000]), (False, [500_000])]
)
def test_a_file_arrives_whole_however_often_it_is_cut(
    ranges: bool, cuts: list[int], serve: Callable[[bytes], Server], tmp_path: Path
) -> None:
    server = serve(CONTENT)
    server.ranges, server.cuts = ranges, list(cuts)
    seen: list[int] = []
    fetch(
        server.url, tmp_path / "a.zip", sha256=digest(CONTENT), on_bytes=lambda done, whole: seen.append(done)
    )
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert seen[-1] == len(CONTENT)
    assert len(server.asked) == len(cuts) + 1
    if ranges and cuts:
        assert server.asked[-1] == "bytes=900009-"
    assert not list(tmp_path.glob("*.part"))


def test_an_interrupted_fetch_goes_on_next_time_unless_the_file_has_changed(
    serve: Callable[[bytes], Server], tmp_path: Path
) -> None:
    server = serve(CONTENT)
    for changed in (False, True):
        server.cuts = [700_000, 0, 0, 0, 0, 0]
        with pytest.raises(DownloadFailed, match=r"0\.7 MB are here"):
            fetch(server.url, tmp_path / "a.zip", sha256=digest(CONTENT))
        if changed:
            server.content, server.etag = CONTENT[::-1], '"two"'
        server.cuts, server.asked = [], []
        fetch(server.url, tmp_path / "a.zip", sha256=digest(server.content))
        assert server.asked == ["bytes=700000-"]
        assert (tmp_path / "a.zip").read_bytes() == server.content


def test_all_of_it_here_but_unchecked_needs_no_second_fetch(
    serve: Callable[[bytes], Server], tmp_path: Path
) -> None:
    server = serve(CONTENT)
    server.cuts = [len(CONTENT) - 1, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadFailed):
        fetch(server.url, tmp_path / "a.zip", sha256=digest(CONTENT))
    with (tmp_path / "a.zip.part").open("ab") as part:
        part.write(CONTENT[-1:])
    fetch(server.url, tmp_path / "a.zip", sha256=digest(CONTENT))
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_what_cannot_be_fetched_says_why(
    serve: Callable[[bytes], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(CONTENT)
    with pytest.raises(ChecksumWrong, match=digest(CONTENT)):
        fetch(server.url, tmp_path / "a.zip", sha256="0" * 64)
    assert not list(tmp_path.glob("a.zip*[tn]"))
    server.status = 404
    with pytest.raises(DownloadFailed, match="404"):
        fetch(server.url, tmp_path / "a.zip", sha256="0" * 64)
    server.status = 503
    with pytest.raises(DownloadFailed, match="503"):
        fetch(server.url, tmp_path / "a.zip", sha256="0" * 64)
    with pytest.raises(DownloadFailed, match="no address"):
        fetch("file:///etc/passwd", tmp_path / "a.zip", sha256="0" * 64)
    server.status = 200
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(DiskFull, match="make room"):
        fetch(server.url, tmp_path / "a.zip", sha256="0" * 64)


def zipped(files: dict[str, bytes], *, link: str | None = None) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link is not None:
            entry = zipfile.ZipInfo("m/am")
            entry.external_attr = 0o120777 << 16
            archive.writestr(entry, link)
    return made.getvalue()


EVIL = {
    "leads out": zipped({"m/../../evil": b"x"}),
    "absolute": zipped({"/tmp/evil": b"x"}),
    "backslash": zipped({"m\\..\\..\\evil": b"x"}),
    "link": zipped({}, link="/etc"),
    "bomb": zipped({"m/am/final.mdl": bytes(50 << 20)}),
    "many": zipped({f"m/{number}": b"" for number in range(3000)}),
    "no zip": b"<html>Not found</html>",
    "cut": zipped({"m/am/final.mdl": CONTENT})[:-100],
    "damaged": zipped({"m/am/final.mdl": CONTENT}).replace(b"\xff", b"\xfe", 40),
}


@pytest.mark.parametrize("evil", EVIL)
def test_an_archive_made_to_harm_leaves_nothing(
    evil: str, serve: Callable[[bytes], Server], tmp_path: Path
) -> None:
    server = serve(EVIL[evil])
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    with pytest.raises((ArchiveRefused, ModelInvalid)):
        get_model(Wish("some-model", server.url, digest(EVIL[evil])), models)
    assert installed_models(models) == []
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == []
    assert not Path("/tmp/evil").exists()


@pytest.mark.speech
def test_a_model_is_installed_checked_and_found_altered_later(
    model: Path, serve: Callable[[bytes], Server], tmp_path: Path
) -> None:
    files = {
        f"vosk-tiny/{file.relative_to(model)}": file.read_bytes()
        for file in model.rglob("*")
        if file.is_file()
    }
    content = zipped(files)
    server = serve(content)
    server.cuts = [1_000_000]
    steps: list[str] = []
    wanted = wish("vosk-tiny", server.url, digest(content).upper())
    facts = get_model(wanted, tmp_path, on_step=lambda step, *_: steps.append(step))
    assert list(dict.fromkeys(steps)) == ["fetching", "unpacking", "trying"]
    assert installed_models(tmp_path) == [facts]
    assert check_model(facts.path) == facts
    server.status = 404
    assert get_model(wanted, tmp_path) == facts, "what is there is not fetched again"
    words = facts.path / "graph" / "words.txt"
    words.write_bytes(words.read_bytes().replace(b"1", b"2", 1))
    for look in (check_whole, check_model):
        with pytest.raises(ModelInvalid, match=r"graph/words\.txt altered"):
            look(facts.path)
    words.unlink()
    (problem,) = installed_models(tmp_path)
    assert not isinstance(problem, ModelFacts)
    assert "words.txt missing" in str(problem)


def test_what_is_not_known_must_be_told() -> None:
    small = public_models()["vosk-model-small-cn-0.22"]
    assert wish(small.name) == Wish(small.name, small.url, str(small.sha256))
    assert wish(small.name, "http://mirror/a.zip").sha256 == small.sha256
    for asked, says in (
        (("vosk-model-cn-0.22",), "--sha256"),
        (("unheard-of",), "--url"),
        (("../evil",), "no name"),
        ((small.name, None, "abc"), "64"),
    ):
        with pytest.raises(ModelUnknown, match=says):
            wish(*asked)
