"""Files that commands write: checked before any work, written whole or not at all, and none replaced unasked."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from likeliest.atomic import replacing, write_all
from likeliest.cli.extras import need_polars
from likeliest.cli.options import BadData

TABLES = {".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".npy": "npy"}


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes its place only when all is written; until then an older one stays.

    Raises
    ------
    OSError
        When it cannot be written; nothing is left behind.
    """
    buffer = io.BytesIO()
    yield buffer
    with replacing(path) as file:
        write_all(file, buffer.getbuffer())


def check_output(path: str, force: bool, inputs: tuple[str, ...] = (), option: str = "--out") -> None:
    """A BadData unless a file may be written there: over another with ``--force`` only, and over no input."""
    target = Path(path).expanduser()
    if target.is_dir():
        raise BadData(f"{option}: {path} is a folder; expected the name of a file")
    for source in inputs:
        if target.exists() and Path(source).expanduser().exists() and target.samefile(Path(source).expanduser()):
            raise BadData(f"{option}: {path} is what is read; choose another name")
    if target.exists() and not force and target.is_file():
        raise BadData(f"{option}: {path} is there already; --force replaces it")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise BadData(f"{option}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadData(f"{option}: cannot write into {folder}")


def free_name(path: str, force: bool) -> str:
    """The path, or with force off and a file there by now, another name: the work is done and shall not be lost."""
    target, number = Path(path).expanduser(), 2
    if force or not target.exists():
        return path
    while (other := target.with_stem(f"{target.stem} ({number})")).exists():
        number += 1
    return str(other)


def table_kind(path: str | None) -> str:
    """How predictions are to be written, by the ending of the name.

    Raises
    ------
    BadData
        When it is none that is known.
    """
    if path is None or path == "-":
        return "csv"
    kind = TABLES.get(Path(path).suffix.lower())
    if kind is None:
        raise BadData(f"--out: expected a name that ends in {', '.join(TABLES)}, found {path!r}")
    return kind


def write_table(columns: dict[str, Any], path: str | None, kind: str) -> None:
    """Writes columns (n,) to a file, which appears whole, or to standard output.

    Raises
    ------
    OSError
        When it cannot be written; an older file is left as it was.
    """
    if kind == "npy":
        numbers = np.column_stack(
            [column for column in columns.values() if getattr(column, "dtype", None) == np.float64]
        )
        with whole_file(Path(str(path)).expanduser()) as file:
            np.save(file, numbers)
        return
    frame = need_polars().DataFrame(columns)
    if path is None:
        sys.stdout.flush()
        sys.stdout.write(frame.write_csv())
        return
    with whole_file(Path(path).expanduser()) as file:
        if kind == "parquet":
            frame.write_parquet(file)
        elif kind == "arrow":
            frame.write_ipc(file)
        else:
            frame.write_csv(file, separator="\t" if kind == "tsv" else ",")
