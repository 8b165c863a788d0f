"""A file is replaced as a whole or not at all."""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from likeliest.atomic import replacing, write_all

posix = pytest.mark.skipif(os.name != "posix", reason="permissions, links and signals as POSIX has them")


def put(path: Any, content: bytes) -> None:
    with replacing(path) as file:
        write_all(file, memoryview(content))


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_new_file_and_one_in_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "a"
    put(path, b"old")
    assert path.read_bytes() == b"old"
    put(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


@posix
def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        put(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@posix
def test_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "a"
    put(path, b"old")
    path.chmod(0o604)
    put(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


@posix
def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    put(tmp_path / "data" / "a", b"old")
    (tmp_path / "link").symlink_to("data/a")
    put(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "data" / "a").read_bytes() == b"new"
    assert names(tmp_path / "data") == ["a"]
    (tmp_path / "dangling").symlink_to("data/b")  # as for open(..., "w"), the file is made
    put(tmp_path / "dangling", b"b")
    assert (tmp_path / "data" / "b").read_bytes() == b"b"


def test_an_error_on_the_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    put(path, b"old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (names(tmp_path), path.read_bytes()) == (["a"], b"old")


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_says_so(where: str, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "a"
    put(path, b"old")

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, where, full)
    with pytest.raises(OSError, match=r"cannot write: No space left on device; the file that was there is as it was"):
        put(path, b"new")
    assert (names(tmp_path), path.read_bytes()) == (["a"], b"old")
    with pytest.raises(OSError, match=r"No space left on device; nothing was left behind"):
        put(tmp_path / "b", b"new")
    assert names(tmp_path) == ["a"]


LIMITED = """
import resource, sys
from likeliest.atomic import replacing, write_all
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with replacing(sys.argv[1]) as file:
        write_all(file, memoryview(bytes(1_000_000)))
except OSError as error:
    print(error)
"""


@posix
def test_a_write_that_the_system_ends_in_the_middle(tmp_path: Path) -> None:
    put(tmp_path / "a", b"old")
    run = [sys.executable, "-c", LIMITED, str(tmp_path / "a")]
    said = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "cannot write: File too large; the file that was there is as it was" in said
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"old")


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: Any) -> None:
    put(tmp_path / "a", b"old")

    def refuse(*arguments: Any) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)  # root, who may run this, may write anywhere
        with pytest.raises(PermissionError, match=r"cannot write: Permission denied; the file that was there is as"):
            put(tmp_path / "a", b"new")
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"old")


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_where_nothing_may_be_written(tmp_path: Path) -> None:
    put(tmp_path / "a", b"old")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match=r"cannot write: Permission denied"):
            put(tmp_path / "a", b"new")
    finally:
        tmp_path.chmod(0o700)
    (tmp_path / "a").chmod(0o400)
    with pytest.raises(PermissionError, match=r"write-protected; make it writable or choose another name"):
        put(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path: expected the name of a file to write, but '.*' is a folder"):
        put(tmp_path, b"")
    with pytest.raises(FileNotFoundError, match="there is no such folder; make it first"):
        put(tmp_path / "missing" / "a", b"")
    if os.name == "posix":
        with pytest.raises(ValueError, match=r"'/dev/null' is no ordinary file"):
            put("/dev/null", b"")


ENDLESS = """
import sys
from likeliest.atomic import replacing, write_all
print("ready", flush=True)
while True:
    for letter in b"ab":
        with replacing(sys.argv[1]) as file:
            for _ in range(20):
                write_all(file, memoryview(bytes([letter]) * 10_000))
"""


@posix
def test_a_kill_at_any_moment_leaves_one_of_the_two(tmp_path: Path) -> None:
    path, chance = tmp_path / "a", random.Random(0)
    for _ in range(15):
        process = subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)], stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"ready"
            time.sleep(chance.uniform(0, 0.03))
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        if path.exists():
            content = path.read_bytes()
            assert content in (b"a" * 200_000, b"b" * 200_000)
    assert path.exists()
