"""Fetching against a server on this machine that can break in every way we could think of."""

import gzip
import hashlib
import http.server
import multiprocessing
import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from likeliest.datasets import download, load_mnist, mnist
from likeliest.datasets.download import ChecksumError, DownloadError, fetch

CONTENT = np.random.default_rng(0).bytes(200_000)  # random, so that packing does not shrink it
PACKED = gzip.compress(CONTENT, mtime=0)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Behaviour:
    """What the server has, and how it misbehaves."""

    files: dict[str, bytes] = field(default_factory=lambda: {"/a.gz": PACKED})
    etag: str | None = '"first"'
    date: str | None = None
    close_after: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    statuses: list[int] = field(default_factory=list)  # the next answers are these errors
    ignore_range: bool = False
    wrong_start: bool = False
    announce_length: bool = True
    redirect: str | None = None
    stall: bool = False
    requests: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


class Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, behaviour: Behaviour, *arguments: object) -> None:
        self.behaviour = behaviour
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        b = self.behaviour
        b.requests.append({"path": self.path, **dict(self.headers.items())})
        if b.statuses:
            return self.send_error(b.statuses.pop(0))
        if b.redirect:
            self.send_response(302)
            self.send_header("Location", b.redirect)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.path not in b.files:
            return self.send_error(404)
        body = b.files[self.path]
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and not b.ignore_range and self.headers.get("If-Range") in (b.etag, b.date):
            start = int(asked[1])
            if start >= len(body):
                return self.send_error(416)
            if b.wrong_start:
                start -= 1
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        for name, value in (("ETag", b.etag), ("Last-Modified", b.date)):
            if value:
                self.send_header(name, value)
        if b.announce_length:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if b.stall:
            self.wfile.write(body[start : start + 1000])
            self.wfile.flush()
            b.released.wait(20)
            return None
        end = start + b.close_after.pop(0) if b.close_after else len(body)
        self.wfile.write(body[start:end])
        return None


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that hangs up is part of the tests


@dataclass
class Here:
    """A running server: its behaviour, its address, and a folder to fetch into."""

    behaviour: Behaviour
    url: str
    folder: Path

    def fetch(self, *more_urls: str, attempts: int = 3, timeout: float = 5.0) -> Path:
        urls = [f"{self.url}/a.gz", *more_urls]
        return fetch(
            "a.gz", urls, self.folder, sha256=SHA256, size=len(CONTENT), attempts=attempts, timeout=timeout, pause=0.0
        )

    def left(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir() if p.suffix != ".lock")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    behaviour = Behaviour()
    with Server(("127.0.0.1", 0), partial(Handler, behaviour)) as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield Here(behaviour, f"http://127.0.0.1:{server.server_address[1]}", tmp_path / "cache")
        behaviour.released.set()
        server.shutdown()
        thread.join()


def nobody() -> str:
    """An address on this machine where nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}"


# When all goes well --------------------------------------------------------------------------------------------------


def test_good_download(here: Here) -> None:
    path = here.fetch()
    assert path == here.folder / "a.gz"
    assert path.read_bytes() == PACKED
    assert here.left() == ["a.gz"]
    assert "Range" not in here.behaviour.requests[0]


def test_what_is_there_is_not_fetched_again(here: Here) -> None:
    here.fetch()
    here.fetch()
    assert len(here.behaviour.requests) == 1


@pytest.mark.parametrize("body", [gzip.compress(CONTENT, 1), CONTENT], ids=["packed otherwise", "unpacked"])
def test_the_content_counts_and_not_how_it_is_packed(here: Here, body: bytes) -> None:
    here.behaviour.files["/a.gz"] = body
    assert here.fetch().read_bytes() == body


def test_a_server_that_does_not_say_how_long_the_file_is(here: Here) -> None:
    here.behaviour.announce_length = False
    assert here.fetch().read_bytes() == PACKED


# Broken connections --------------------------------------------------------------------------------------------------


def test_a_broken_connection_is_resumed(here: Here) -> None:
    here.behaviour.close_after = [70_000, 50_000]
    assert here.fetch().read_bytes() == PACKED
    assert [r.get("Range") for r in here.behaviour.requests] == [None, "bytes=70000-", "bytes=120000-"]
    assert here.behaviour.requests[1]["If-Range"] == '"first"'
    assert here.left() == ["a.gz"]


def test_a_broken_connection_is_resumed_by_date_when_there_is_no_strong_etag(here: Here) -> None:
    here.behaviour.etag, here.behaviour.date = 'W/"weak"', "Wed, 21 Oct 2015 07:28:00 GMT"
    here.behaviour.close_after = [70_000]
    assert here.fetch().read_bytes() == PACKED
    assert here.behaviour.requests[1]["If-Range"] == here.behaviour.date


def test_it_is_resumed_the_next_day_too(here: Here) -> None:
    here.behaviour.close_after = [70_000]
    with pytest.raises(DownloadError, match=r"closed after 70000 of \d+ bytes"):
        here.fetch(attempts=1)
    assert here.left() == ["a.gz.part", "a.gz.part.json"]
    assert (here.folder / "a.gz.part").read_bytes() == PACKED[:70_000]
    assert here.fetch().read_bytes() == PACKED
    assert here.behaviour.requests[1]["Range"] == "bytes=70000-"


def test_a_server_that_cannot_prove_the_file_is_the_same_sends_it_all_again(here: Here) -> None:
    here.behaviour.etag = None
    here.behaviour.close_after = [70_000]
    assert here.fetch().read_bytes() == PACKED
    assert "Range" not in here.behaviour.requests[1]


def test_a_server_that_ignores_range(here: Here) -> None:
    here.behaviour.close_after, here.behaviour.ignore_range = [70_000], True
    assert here.fetch().read_bytes() == PACKED
    assert here.behaviour.requests[1]["Range"] == "bytes=70000-"


def test_a_server_that_starts_at_the_wrong_byte(here: Here) -> None:
    here.behaviour.close_after, here.behaviour.wrong_start = [70_000], True
    with pytest.raises(DownloadError, match="from byte 69999, not from byte 70000 as asked"):
        here.fetch(attempts=2)
    here.behaviour.requests.clear()
    here.behaviour.close_after = [70_000]
    assert here.fetch().read_bytes() == PACKED
    assert "Range" not in here.behaviour.requests[2]


def test_a_file_that_changed_meanwhile_is_sent_whole(here: Here) -> None:
    here.behaviour.close_after = [70_000]
    with pytest.raises(DownloadError):
        here.fetch(attempts=1)
    here.behaviour.etag = '"second"'
    here.behaviour.files["/a.gz"] = changed = gzip.compress(CONTENT, 1, mtime=7)
    assert here.fetch().read_bytes() == changed
    assert here.behaviour.requests[1]["If-Range"] == '"first"'


def test_a_file_that_changed_under_the_same_etag_is_found_by_its_checksum_and_fetched_anew(here: Here) -> None:
    here.behaviour.files["/a.gz"] = bytes(len(PACKED))
    here.behaviour.close_after = [70_000]
    with pytest.raises(DownloadError):
        here.fetch(attempts=1)
    here.behaviour.files["/a.gz"] = PACKED
    assert here.fetch().read_bytes() == PACKED
    assert [r.get("Range") for r in here.behaviour.requests] == [None, "bytes=70000-", None]


@pytest.mark.parametrize("extra", [b"x", bytes(500_000)], ids=["a byte", "much"])
def test_a_part_that_is_too_long_is_thrown_away(here: Here, extra: bytes) -> None:
    here.behaviour.close_after = [70_000]
    with pytest.raises(DownloadError):
        here.fetch(attempts=1)
    (here.folder / "a.gz.part").write_bytes(bytes(len(PACKED)) + extra)
    assert here.fetch().read_bytes() == PACKED


def test_a_part_that_was_whole_already_needs_no_server(here: Here) -> None:
    here.folder.mkdir()
    (here.folder / "a.gz.part").write_bytes(PACKED)
    assert here.fetch().read_bytes() == PACKED
    assert not here.behaviour.requests


@pytest.mark.parametrize("memory", ["", "{", "[]", '{"url": 1}', '{"url": "URL", "validator": "a\\r\\nHost: b"}'])
def test_a_part_without_a_good_memory_is_begun_anew(here: Here, memory: str) -> None:
    here.folder.mkdir()
    (here.folder / "a.gz.part").write_bytes(b"from who knows where")
    (here.folder / "a.gz.part.json").write_text(memory.replace("URL", f"{here.url}/a.gz"))
    assert here.fetch().read_bytes() == PACKED
    assert "Range" not in here.behaviour.requests[0]


def _fetch_until_killed(here_url: str, folder: Path) -> None:
    fetch("a.gz", [f"{here_url}/a.gz"], folder, sha256=SHA256, size=len(CONTENT))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a process, the POSIX way")
def test_killed_in_the_middle(here: Here) -> None:
    """After kill -9 there is a part and no file; the next fetch does not wait for the dead one's lock."""
    here.behaviour.stall = True
    process = multiprocessing.get_context("spawn").Process(target=_fetch_until_killed, args=(here.url, here.folder))
    process.start()
    for _ in range(2000):
        if (here.folder / "a.gz.part").exists():
            break
        process.join(0.01)
    process.kill()
    process.join()
    assert not (here.folder / "a.gz").exists()
    assert "a.gz.part" in here.left()
    here.behaviour.stall = False
    assert here.fetch().read_bytes() == PACKED


def test_two_at_the_same_time(here: Here) -> None:
    threads = [threading.Thread(target=here.fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (here.folder / "a.gz").read_bytes() == PACKED
    assert len(here.behaviour.requests) == 1


# Servers that fail ---------------------------------------------------------------------------------------------------


def test_checksum_mismatch(here: Here) -> None:
    here.behaviour.files["/a.gz"] = gzip.compress(bytes(len(CONTENT)))
    with pytest.raises(ChecksumError, match=f"instead of {SHA256} and has been removed"):
        here.fetch()
    assert here.left() == []
    assert len(here.behaviour.requests) == 1  # the same server would give the same again


@pytest.mark.parametrize("body", [b"<!doctype html>", PACKED[:-9], gzip.compress(CONTENT + b"x")])
def test_something_else_arrives(here: Here, body: bytes) -> None:
    here.behaviour.files["/a.gz"] = body
    with pytest.raises(ChecksumError, match=r"has been removed\n"):
        here.fetch()
    assert here.left() == []


@pytest.mark.parametrize(("announce_length", "at_once"), [(True, True), (False, False)])
def test_a_file_much_too_long_is_not_taken_in(here: Here, announce_length: bool, at_once: bool) -> None:
    here.behaviour.announce_length = announce_length
    here.behaviour.files["/a.gz"] = bytes(5_000_000)
    with pytest.raises(DownloadError, match="more than it should"):
        here.fetch()
    assert not (here.folder / "a.gz").exists()
    assert sum(p.stat().st_size for p in here.folder.iterdir()) <= (0 if at_once else 400_000)


def test_the_next_mirror_is_tried(here: Here) -> None:
    here.behaviour.files = {"/b.gz": PACKED}
    assert here.fetch(f"{here.url}/b.gz").read_bytes() == PACKED
    assert [r["path"] for r in here.behaviour.requests] == ["/a.gz", "/b.gz"]


def test_the_next_mirror_is_tried_after_a_wrong_file_and_gets_no_part_of_it(here: Here) -> None:
    here.behaviour.files = {"/a.gz": b"wrong", "/b.gz": PACKED}
    assert here.fetch(f"{here.url}/b.gz").read_bytes() == PACKED


def test_a_part_of_one_mirror_is_not_continued_from_another(here: Here) -> None:
    here.behaviour.files["/b.gz"] = other = gzip.compress(CONTENT, 1)
    here.behaviour.close_after = [70_000]
    here.behaviour.statuses = []
    assert here.fetch(f"{here.url}/b.gz", attempts=1).read_bytes() == other
    assert "Range" not in here.behaviour.requests[1]


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(here: Here) -> None:
    here.behaviour.statuses = [503, 429]
    assert here.fetch().read_bytes() == PACKED
    (here.folder / "a.gz").unlink()
    here.behaviour.requests.clear()
    here.behaviour.files.clear()
    with pytest.raises(DownloadError, match="404"):
        here.fetch()
    assert len(here.behaviour.requests) == 1


def test_a_server_that_falls_silent(here: Here) -> None:
    here.behaviour.stall = True
    with pytest.raises(DownloadError, match="the connection broke"):
        here.fetch(attempts=1, timeout=0.2)


def test_offline(tmp_path: Path) -> None:
    urls = [f"{nobody()}/a.gz", f"{nobody()}/a.gz"]
    with pytest.raises(DownloadError) as caught:
        fetch("a.gz", urls, tmp_path, sha256=SHA256, size=len(CONTENT), attempts=2, pause=0.0)
    assert not isinstance(caught.value, ChecksumError)
    text = str(caught.value)
    assert all(url in text for url in urls)
    assert "no connection" in text
    assert "LIKELIEST_DATA" in text
    assert str(tmp_path) in text


def test_pauses_grow(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    here.behaviour.statuses = [500, 500, 500]
    fetch("a.gz", [f"{here.url}/a.gz"], here.folder, sha256=SHA256, size=len(CONTENT), attempts=4, pause=1.0)
    assert pauses == [1.0, 2.0, 4.0]


# Safety --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a",
        "ftp://127.0.0.1/a",
        "file:///etc/hosts",
        "http://127.0.0.1.example.org/a",
        "a.gz",
        "http:///a",
    ],
)
def test_only_https(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="only https"):
        fetch("a.gz", [url], tmp_path, sha256=SHA256, size=1)


@pytest.mark.parametrize("target", ["http://example.org/a", "ftp://127.0.0.1/a"])
def test_redirects_leave_https_for_nothing(here: Here, target: str) -> None:
    here.behaviour.redirect = target
    with pytest.raises(DownloadError, match="which is not https"):
        here.fetch()


def test_redirects_on_this_machine_are_followed(here: Here) -> None:
    other = Behaviour()
    with Server(("127.0.0.1", 0), partial(Handler, other)) as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        here.behaviour.redirect = f"http://127.0.0.1:{server.server_address[1]}/a.gz"
        assert here.fetch().read_bytes() == PACKED
        server.shutdown()
        thread.join()


def test_from_https_not_even_to_this_machine() -> None:
    import io
    import urllib.request
    from http.client import HTTPMessage

    request = urllib.request.Request("https://example.org/a")
    with pytest.raises(DownloadError, match="which is not https"):
        download._SafeRedirects().redirect_request(
            request, io.BytesIO(), 302, "Found", HTTPMessage(), "http://127.0.0.1/a"
        )


def test_progress_bar_only_for_somebody_who_looks(
    here: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here.fetch()
    assert capsys.readouterr().err == ""
    pytest.importorskip("rich")
    (here.folder / "a.gz").unlink()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    here.fetch()
    assert "a.gz" in capsys.readouterr().err


# load_mnist over the network -----------------------------------------------------------------------------------------


def small_mnist() -> dict[str, bytes]:
    """Four small files in MNIST's format: name -> content."""
    rng = np.random.default_rng(0)
    files = {}
    for part, n in (("train", 20), ("t10k", 10)):
        files[f"{part}-images-idx3-ubyte"] = struct.pack(">BBBBIII", 0, 0, 8, 3, n, 28, 28) + rng.bytes(n * 784)
        files[f"{part}-labels-idx1-ubyte"] = struct.pack(">BBBBI", 0, 0, 8, 1, n) + bytes(k % 10 for k in range(n))
    return files


def test_load_mnist_downloads_once_into_the_cache(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIKELIEST_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    files = small_mnist()
    known = {name: mnist.Content(hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    monkeypatch.setattr(mnist, "FILES", known)
    here.behaviour.files = {f"/mnist/{name}.gz": gzip.compress(data) for name, data in files.items()}
    digits = load_mnist(mirrors=[f"{here.url}/gone/", f"{here.url}/mnist/"])
    assert digits.train_images.shape == (20, 28, 28)
    assert sorted(p.name for p in (tmp_path / "likeliest" / "mnist").glob("*.gz")) == sorted(f"{n}.gz" for n in files)
    assert len(here.behaviour.requests) == 8
    again = load_mnist(download=False)
    assert len(here.behaviour.requests) == 8
    assert np.array_equal(again.train_images, digits.train_images)


def test_load_mnist_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIKELIEST_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(DownloadError, match="could not fetch train-images-idx3-ubyte"):
        load_mnist(mirrors=[nobody()])
