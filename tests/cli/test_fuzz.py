"""Whatever a file holds: a table, or one line that says what is wrong with it; no crash, soon, in little memory.

LIKELIEST_FUZZ_EXAMPLES says how many mutated files each test takes, and LIKELIEST_FUZZ_SEED which ones.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from likeliest import cli
from likeliest.cli.columns import columns_of, described, reason
from likeliest.cli.features import Features
from likeliest.cli.options import BadData
from likeliest.cli.reading import read
from likeliest.cli.targets import find_target

EXAMPLES = int(os.environ.get("LIKELIEST_FUZZ_EXAMPLES", "0"))
SEED = int(os.environ.get("LIKELIEST_FUZZ_SEED", "0"))

PIECES = [
    b",", b";", b"\t", b"|", b'"', b'""', b"'", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\xff", b"\xfe",
    b"\xef\xbb\xbf",
    b"\xff\xfe", b"\xe9", b"\xe2\x82\xac", b"NA", b"nan", b"inf", b"-inf", b"1e999", b"1e-999", b"-0", b"007", b"1,5",
    b"1.234,5", b"2020-01-31", b"12:30", b"true", b"?", b"\\", b"#", b" ", b"a" * 300, b"9" * 400, b"," * 50,
    b"\n" * 30,
    b"\x1f\x8b", b"PK\x03\x04", b"\x93NUMPY", b"PAR1", b"ARROW1", b"\xff\xff\xff\xff", b"=cmd()", b"\x1b[31m",
]  # fmt: skip


def seeds() -> list[bytes]:
    """Files that are right."""
    rng = np.random.default_rng(0)
    rows = [(k, f"{rng.normal():.3f}", rng.choice(["x", "y", "z"]), rng.choice(["yes", "no"])) for k in range(25)]
    text = "id,a,b,t\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    quoted = text.replace("x", '"x\nx"').replace("id", '"i""d"')
    german = text.replace(",", ";").replace(".", ",")
    frame = pl.read_csv(text.encode())
    buffers = [io.BytesIO() for _ in range(4)]
    frame.write_parquet(buffers[0])
    frame.write_ipc(buffers[1])
    np.save(buffers[2], np.arange(12.0).reshape(4, 3))
    np.savez(buffers[3], X=np.arange(12.0).reshape(4, 3), y=np.arange(4))
    texts = [text, quoted, german, text.replace("\n", "\r\n"), text.replace(",", "\t")]
    encoded = [one.encode() for one in texts]
    return [*encoded, text.encode("utf-16"), gzip.compress(text.encode()), *(buffer.getvalue() for buffer in buffers)]


def mutated(rng: np.random.Generator, sources: list[bytes]) -> bytes:
    """One of the files with a few things changed; now and then a bit of one in another, or the text packed."""
    data = bytearray(sources[int(rng.integers(5)) if rng.random() < 0.8 else int(rng.integers(len(sources)))])
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, len(data) + 1)) if rng.random() < 0.7 else int(rng.integers(0, min(len(data), 12) + 1))
        match int(rng.integers(0, 7)):
            case 0 | 1 | 2:
                data[at:at] = PIECES[int(rng.integers(len(PIECES)))]
            case 3:
                del data[at : at + int(rng.integers(1, 40))]
            case 4:
                if at < len(data):
                    data[at] ^= 1 << int(rng.integers(0, 8))
            case 5:
                data[at:at] = data[int(rng.integers(0, len(data) + 1)) :][: int(rng.integers(1, 60))]
            case _:
                del data[at:]
    return gzip.compress(bytes(data)) if rng.random() < 0.02 else bytes(data)


def check_message(message: str) -> None:
    """It names something, and does not fill the screen."""
    assert 10 < len(message) < 2000


def is_fine(path: Path) -> bool:
    """Whether the file was read; all that is known of its columns makes sense."""
    try:
        data = read(str(path))
    except BadData as error:
        check_message(str(error))
        return False
    if data.frame is None:
        assert data.X is not None
        assert data.y is None or len(data.y) == len(data.X)
        return True
    assert len(set(data.frame.columns)) == data.frame.width
    columns = columns_of(data)
    for column in columns:
        assert len(column.values) == len(data)
        assert column.kind in ("numbers", "categories", "dates", "empty", "unusable")
        assert len(described(column)) < 300
        reason(column)
        if column.kind == "numbers":
            assert column.values.dtype == pl.Float64
            assert not column.values.is_nan().any()
            assert column.gaps == column.values.null_count() < len(data)
        with contextlib.suppress(BadData):
            target = find_target(data, column.name, None)
            assert len(target.y) == target.known.sum() > 0
    usable = [column for column in columns if column.usable]
    if usable and len(data):
        X, _ = Features.of_columns(usable).take(data)  # as predict would take the file that was fitted to
        for column in usable:
            assert X[column.name].null_count() == column.values.null_count()
    return True


def most_memory() -> int:
    """The most bytes that this process has had, polars's own among them; 0 where that is not told."""
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10


def test_reading(tmp_path: Path) -> None:
    rng, sources = np.random.default_rng(SEED), seeds()
    path = tmp_path / "file"
    count = {True: 0, False: 0}
    for source in sources:
        path.write_bytes(source)
        assert is_fine(path)
    slowest, before = 0.0, most_memory()
    for _ in range(EXAMPLES or 300):
        data = mutated(rng, sources)
        path.write_bytes(data)
        begin = time.perf_counter()
        try:
            count[is_fine(path)] += 1
        except BaseException:
            (Path.cwd() / "fuzz-case").write_bytes(data) if EXAMPLES else None
            raise
        slowest = max(slowest, time.perf_counter() - begin)
    assert slowest < 2
    assert most_memory() - before < 300 << 20
    assert min(count.values()) > 20


@pytest.mark.slow
def test_fitting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of the program: 0 or 2 and one line; what was fitted predicts the file it was fitted to."""
    rng, sources = np.random.default_rng(SEED + 1), seeds()[:5]
    path, out = tmp_path / "file", tmp_path / "m.likeliest"
    codes: dict[int, int] = {}
    for _ in range(EXAMPLES or 60):
        data = mutated(rng, sources)
        path.write_bytes(data)
        target = str(rng.choice(["t", "t", "t", "a", "b"]))
        arguments = ["--target", target, "--out", str(out), "--force", "--hidden", "2", "--epochs", "2"]
        code = cli.main(["fit", str(path), *arguments])
        said = capsys.readouterr()
        codes[code] = codes.get(code, 0) + 1
        try:
            assert code in (0, 2), said.err
            assert "Traceback" not in said.err
            assert "\x1b" not in said.out + said.err
            if code == 0:
                again = cli.main(["predict", str(out), str(path)])
                said = capsys.readouterr()
                # Rows without a target, which the fit did without, may hold what is no number.
                assert again == 0 or (again == 2 and "the model was fitted to numbers" in said.err), said.err
                assert "nan" not in said.out.lower().partition("\n")[2]
            else:
                assert said.err.splitlines()[-1].startswith("likeliest: ")
        except BaseException:
            (Path.cwd() / "fuzz-case").write_bytes(data) if EXAMPLES else None
            raise
    assert codes[0] > 5
    assert codes[2] > 5
