"""Fetch a file over HTTPS: whole and checked, or not at all.

The bytes go into NAME.part; only when their content has the right SHA-256 does the part get its name, in one step. So a
file with its name is always whole. A download that breaks is resumed where it stopped, if the server still has the same
file: NAME.part.json remembers where the part came from and its ETag.
"""

import contextlib
import http.client
import ipaddress
import json
import os
import re
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from email.message import Message
from pathlib import Path
from typing import IO, Any

from likeliest.datasets.idx import content_digest

_CHUNK = 1 << 16
_ROOM = 1 << 16  # gzip makes incompressible content this much longer at most, and error pages are cut off here


class DownloadError(OSError):
    """No server gave the file; the message says what each one answered, and the cure."""


class ChecksumError(DownloadError):
    """What arrived is not the file that was asked for; it has been removed."""


class _TryAgain(Exception):
    """A fault that may pass: the connection broke, the server is busy."""


def fetch(
    name: str,
    urls: Sequence[str],
    folder: Path,
    *,
    sha256: str,
    size: int,
    attempts: int = 4,
    timeout: float = 20.0,
    pause: float = 1.0,
) -> Path:
    """Fetch one file from the first of several servers that has it, and check it; at once when it is already there.

    Parameters
    ----------
    name : str
        the file's name in the folder.
    urls : sequence of str
        where it is to be had, best first; https only (http for this machine itself, so that tests need no network).
    folder : Path
        made when missing; while the download lasts it holds NAME.part, NAME.part.json and NAME.lock.
    sha256, size : str, int
        of the *content*, unpacked if it is compressed by gzip: servers compress the same bytes differently.
    attempts : int
        how often to try each server while its fault may pass.
    timeout : float
        seconds without a byte after which a connection counts as broken.
    pause : float
        seconds before the second attempt, twice as many before the third, and so on.

    Returns
    -------
    Path
        folder / name.

    Raises
    ------
    ChecksumError
        when every server gave something else than the file; it has been removed.
    DownloadError
        when no server gave the file. A part of it stays, for the next time.
    ValueError
        when a URL is not https.
    """
    for url in urls:
        _refuse_unless_safe(url)
    path = folder / name
    if path.exists():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f"{name}.lock"):
            if path.exists():  # another process fetched it while we waited for the lock
                return path
            return _from_first(urls, path, sha256, size, attempts, timeout, pause)
    except PermissionError as error:
        raise DownloadError(
            f"cannot write to {folder} ({error}): set LIKELIEST_DATA to a folder with the files"
        ) from error


def _from_first(
    urls: Sequence[str], path: Path, sha256: str, size: int, attempts: int, timeout: float, pause: float
) -> Path:
    """Try the servers in their order, each as often as makes sense; say what each one answered when none will do."""
    part = path.with_name(path.name + ".part")
    if part.exists() and not _fault(part, sha256, size):  # complete already: we were killed just before this step
        return _finish(part, path)
    answers: list[str] = []
    wrong = 0
    for url in urls:
        for attempt in range(1, attempts + 1):
            try:
                resumed = _receive(url, part, path.name, most=size + _ROOM, timeout=timeout)
                fault = _fault(part, sha256, size)
            except _TryAgain as error:
                answer = str(error)
            except DownloadError as error:
                answers.append(f"{url}: {error}")
                break
            else:
                if not fault:
                    return _finish(part, path)
                _discard(part)
                answer = fault
                if not resumed:  # it came in one piece and is wrong: the same server would give the same again
                    wrong += 1
                    answers.append(f"{url}: {answer}")
                    break
            if attempt == attempts:
                answers.append(f"{url}: {answer}")
            else:
                time.sleep(pause * 2 ** (attempt - 1))
    kind = ChecksumError if wrong == len(urls) else DownloadError
    raise kind(
        f"could not fetch {path.name}:\n  "
        + "\n  ".join(answers)
        + f"\nTry again when the network is there, or put the file into {path.parent} yourself, "
        "or set LIKELIEST_DATA to a folder that has it."
    )


def _finish(part: Path, path: Path) -> Path:
    """Give the part its name: readers see no file, or the whole file."""
    os.replace(part, path)
    _sidecar(part).unlink(missing_ok=True)
    _sync_folder(path.parent)
    return path


def _receive(url: str, part: Path, label: str, *, most: int, timeout: float) -> bool:
    """Bring the part to its full length, from where it stopped if the server can; True when it was resumed."""
    headers = {"User-Agent": "likeliest", "Accept-Encoding": "identity"}
    begun = part.stat().st_size if part.exists() else 0
    same = _remembered(part, url)
    if begun and same:
        # If-Range: the rest if the file is still the same, and otherwise the whole new file (status 200).
        headers |= {"Range": f"bytes={begun}-", "If-Range": same}
    else:
        begun = 0
    try:
        with _opener(url).open(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
            total = _length(response.headers)
            if response.status == 206:
                start, whole = _content_range(response.headers)
                if start != begun:
                    _discard(part)
                    raise _TryAgain(f"the server sent the file from byte {start}, not from byte {begun} as asked")
                total = whole if whole is not None else None if total is None else begun + total
            else:  # the whole file: a new download, or a server that ignores Range, or a file that has changed
                begun = 0
            if total is not None and total > most:
                raise DownloadError(f"the file there has {total} bytes, more than it should")
            _copy(response, part, label, begun, total, most, remember=(url, _validator(response.headers)))
            return begun > 0
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and begun:  # the part is as long as the file, or longer, so it cannot be a part of it
            _discard(part)
            raise _TryAgain("the part was longer than the file and has been removed") from error
        if error.code in (408, 425, 429) or error.code >= 500:
            raise _TryAgain(f"the server answered {error.code} {error.reason}") from error
        raise DownloadError(f"the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:  # a DownloadError passes by: it is no URLError
        if isinstance(error.reason, ssl.SSLCertVerificationError):  # no passing fault, and not to be shrugged off
            raise DownloadError(f"the server's certificate is not to be trusted ({error.reason})") from error
        raise _TryAgain(f"no connection ({error.reason})") from error
    except (TimeoutError, ssl.SSLError, http.client.HTTPException, ConnectionError) as error:
        raise _TryAgain(f"the connection broke ({type(error).__name__} {error})".replace(" )", ")")) from error


def _copy(
    response: Any, part: Path, label: str, begun: int, total: int | None, most: int, remember: tuple[str, str | None]
) -> None:
    """Append the response to the part (or begin the part anew), onto the disk even if the connection breaks."""
    url, validator = remember
    if begun == 0:
        _discard(part)  # before the sidecar changes, so that old bytes never stand under a new ETag
        _sidecar(part).write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")
    done = begun
    with part.open("ab") as file, _progress(label, begun, total) as advance:
        try:
            while chunk := response.read(_CHUNK):
                done += len(chunk)
                if done > most:
                    raise DownloadError(f"the file there has more than {most} bytes, more than it should")
                file.write(chunk)
                advance(len(chunk))
        finally:
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:  # http.client says nothing when a connection closes early
        raise _TryAgain(f"the connection closed after {done} of {total} bytes")


def _fault(part: Path, sha256: str, size: int) -> str:
    """What is wrong with the content of the part, or nothing."""
    try:
        digest, length = content_digest(part, limit=size)
    except (EOFError, zlib.error) as error:
        return f"what arrived is broken as a gzip file ({error}) and has been removed"
    if length != size:
        found = f"more than {size}" if length > size else str(length)
        return f"what arrived holds {found} bytes instead of {size} and has been removed"
    if digest != sha256:
        return f"what arrived has SHA-256 {digest} instead of {sha256} and has been removed"
    return ""


# HTTP ----------------------------------------------------------------------------------------------------------------


def _refuse_unless_safe(url: str) -> None:
    """Let https pass, and http to this machine itself.

    >>> _refuse_unless_safe("https://example.org/a")
    >>> _refuse_unless_safe("http://127.0.0.1:8000/a")
    >>> _refuse_unless_safe("http://example.org/a")
    Traceback (most recent call last):
    ...
    ValueError: only https is safe to fetch from, got http://example.org/a
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise ValueError(f"only https is safe to fetch from, got {url}")


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects only to where we would have gone ourselves; from https, only to https."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        local = urllib.parse.urlsplit(newurl).scheme == "http" and _is_loopback(urllib.parse.urlsplit(newurl).hostname)
        if not newurl.startswith("https://") and not (req.type == "http" and local):
            fp.close()
            raise DownloadError(f"the server sends us on to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(url: str) -> urllib.request.OpenerDirector:
    if _is_loopback(urllib.parse.urlsplit(url).hostname):  # a proxy's localhost is not ours
        return urllib.request.build_opener(_SafeRedirects, urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(_SafeRedirects)


def _length(headers: Message) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _content_range(headers: Message) -> tuple[int | None, int | None]:
    """The first byte sent and the whole length, None where the server does not say.

    >>> headers = Message()
    >>> headers["Content-Range"] = "bytes 100-199/200"
    >>> _content_range(headers)
    (100, 200)
    """
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip(), flags=re.ASCII)
    if not match:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _validator(headers: Message) -> str | None:
    """What proves that a file is still the same, byte for byte: a strong ETag, else its date."""
    etag = headers.get("ETag", "")
    if etag.startswith('"'):  # W/"..." is weak: the same meaning, perhaps other bytes
        return etag
    return headers.get("Last-Modified")


# Files ---------------------------------------------------------------------------------------------------------------


def _sidecar(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _remembered(part: Path, url: str) -> str | None:
    """The validator under which the part was begun, if it came from this URL; another server may compress otherwise."""
    try:
        memory = json.loads(_sidecar(part).read_text(encoding="utf-8"))
        validator = memory["validator"] if memory["url"] == url else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return validator if isinstance(validator, str) and validator.isprintable() else None


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _sidecar(part).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut; Windows has no such call and does not need it."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time work on a part; the lock falls with its process, so none is left behind."""
    with path.open("a") as file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _progress(label: str, begun: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar when somebody is looking (and rich is installed), else nothing."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda count: None
        return
    try:
        from rich import progress
        from rich.console import Console
    except ImportError:
        yield lambda count: None
        return
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, completed=begun)
        yield lambda count: bar.advance(task, count)
