"""Reading: every kind of file that people have, and what is wrong with those that cannot be read."""

from __future__ import annotations

import gzip
import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from likeliest.cli import extras
from likeliest.cli.columns import columns_of
from likeliest.cli.data import Data
from likeliest.cli.options import BadData
from likeliest.cli.reading import read

TEXT = "size,town,let\n1.5,Zug,yes\n-2,Genève,no\n,Bern,yes\n"
ROWS = [("1.5", "Zug", "yes"), ("-2", "Genève", "no"), (None, "Bern", "yes")]


def written(tmp_path: Path, content: bytes | str, name: str = "file") -> str:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def frame_of(data: Data) -> pl.DataFrame:
    assert data.frame is not None
    return data.frame


WAYS = {
    "plain": TEXT.encode(),
    "byte-order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "Windows": TEXT.replace("\n", "\r\n").encode(),
    "old Mac": TEXT.replace("\n", "\r").encode(),
    "no last line end": TEXT.rstrip("\n").encode(),
    "blank lines": b"\n\n" + TEXT.replace("no\n", "no\n\n").encode() + b"\n\n",
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16 big": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "Latin-1": TEXT.encode("latin-1"),
    "gzip": gzip.compress(TEXT.encode()),
    "semicolons": TEXT.replace(",", ";").encode(),
    "tabs": TEXT.replace(",", "\t").encode(),
    "bars": TEXT.replace(",", "|").encode(),
    "quotes": TEXT.replace("Zug", '"Zug"').replace("size", '"size"').encode(),
    "blanks around names": TEXT.replace("size,town", " size , town ").encode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_csv_of_every_kind_has_the_same_rows(tmp_path: Path, way: str) -> None:
    data = read(written(tmp_path, WAYS[way]))
    assert frame_of(data).columns == ["size", "town", "let"]
    assert frame_of(data).rows() == ROWS
    assert data.text
    said = {"UTF-16": "UTF-16", "UTF-16 big": "UTF-16", "Latin-1": "Windows-1252", "semicolons": "semicolons"}.get(way)
    assert said is None or said in " ".join(data.notes)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(TEXT.encode())

    monkeypatch.setattr(sys, "stdin", Stdin())
    assert frame_of(read("-")).rows() == ROWS


def test_quoted_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    text = 'a,"b\nc",d\n"1,5","x ""y""",z\n2,"two\nlines",w\n'
    frame = frame_of(read(written(tmp_path, text)))
    assert frame.columns == ["a", "b\nc", "d"]
    assert frame.rows() == [("1,5", 'x "y"', "z"), ("2", "two\nlines", "w")]


def test_names_that_repeat_or_lack(tmp_path: Path) -> None:
    data = read(written(tmp_path, "a,a,,a (2),\n1,2,3,4,5\n"))
    names = frame_of(data).columns
    assert names[0] == "a"
    assert names[3] == "a (2)"
    assert len(set(names)) == 5
    assert frame_of(data).rows() == [("1", "2", "3", "4", "5")]
    assert "stands more than once" in " ".join(data.notes)


def test_no_header_and_a_header_of_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2\n3,4\n")
    assert "--no-header" in " ".join(read(path).notes)
    frame = frame_of(read(path, header=False))
    assert frame.columns == ["1", "2"]
    assert frame.rows() == [("1", "2"), ("3", "4")]


def test_a_separator_that_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "a b,c\n1 2,3\n")
    assert frame_of(read(path)).columns == ["a b", "c"]
    assert frame_of(read(path, separator=" ")).columns == ["a", "b,c"]


def test_short_lines_end_in_gaps(tmp_path: Path) -> None:
    assert frame_of(read(written(tmp_path, "a,b\n1\n2,3\n"))).rows() == [("1", None), ("2", "3")]


BROKEN = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "long line": (b"a,b\n1,2\n3,4,5\n6,7\n", "line 3: found 3 values, the header has 2"),
    "open quote": (b'a,b\n1,2\n3,"4\n5,6\n', "line 3: a quotation mark is opened and never closed"),
    "stray quote": (b'a,b\n1,"x"y\n', "line 2"),
    "binary": (b"a,b\n1,\0\n", "is no text"),
    "zip": (b"PK\x03\x04" + bytes(60), "NPZ"),
    "gzip cut short": (gzip.compress(TEXT.encode())[:-12], "gzip"),
    "gzip twice": (gzip.compress(gzip.compress(TEXT.encode())), "packed twice"),
    "Parquet": (b"PAR1" + bytes(40) + b"PAR1", "Parquet"),
    "Arrow": (b"ARROW1" + bytes(40), "Arrow"),
    "NPY": (b"\x93NUMPY\x01\x00\x06\x00{'a'}\n", "NPY"),
    "one long line": (b"a" * (1 << 24) + b"a,b\n1,2\n", "16 MB"),
    "many columns": (b",".join(b"a" for _ in range(30_000)) + b"\n1,2\n", "30000 columns"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_are_named_with_what_is_wrong(tmp_path: Path, case: str) -> None:
    content, message = BROKEN[case]
    path = written(tmp_path, content)
    with pytest.raises(BadData) as caught:
        read(path)
    assert path in str(caught.value)
    assert message in str(caught.value)


def test_a_very_long_value_is_read(tmp_path: Path) -> None:
    frame = frame_of(read(written(tmp_path, "a,b\n" + "1,2\n" * 3 + "9" * 3_000_000 + ",2\n")))
    assert len(frame[3, 0]) == 3_000_000


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="there is no file"):
        read(str(tmp_path / "none.csv"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read(tmp_path: Path) -> None:
    path = Path(written(tmp_path, TEXT))
    path.chmod(0)
    with pytest.raises(PermissionError):
        read(str(path))


def test_an_excel_file_says_so(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "book.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(BadData, match="save its table as CSV"):
        read(str(tmp_path / "book.xlsx"))


# --- Parquet, Arrow, NPY, NPZ ----------------------------------------------------------------------------------------

FRAME = pl.DataFrame(
    {
        "whole": [1, 2, None],
        "number": [0.5, float("nan"), 1.5],
        "truth": [True, False, True],
        "word": ["a", None, "b"],
        "kind": pl.Series(["u", "v", "u"], dtype=pl.Categorical),
        "day": pl.Series(["2020-01-01"] * 3).str.to_date(),
        "list": [[1], [2], [3]],
        "nothing": pl.Series([None, None, None], dtype=pl.Null),
    }
)


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream", "feather"])
def test_files_with_types_keep_them(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file.bin"
    if kind == "parquet":
        FRAME.write_parquet(path)
    elif kind == "stream":
        FRAME.write_ipc_stream(path)
    elif kind == "feather":
        import pyarrow.feather

        pyarrow.feather.write_feather(
            FRAME.drop("kind", "nothing").to_arrow(compat_level=pl.CompatLevel.oldest()), path
        )
    else:
        FRAME.write_ipc(path)
    data = read(str(path))
    kinds = {column.name: (column.kind, column.gaps) for column in columns_of(data)}
    expected = {
        "whole": ("numbers", 1),
        "number": ("numbers", 1),
        "truth": ("numbers", 0),
        "word": ("categories", 1),
        "kind": ("categories", 0),
        "day": ("dates", 0),
        "list": ("unusable", 0),
        "nothing": ("empty", 3),
    }
    assert kinds == {name: what for name, what in expected.items() if name in kinds}
    assert len(kinds) >= 6


def test_npy_and_npz(tmp_path: Path) -> None:
    X, y = np.arange(12.0).reshape(4, 3), np.array([0, 1, 0, 1])
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "both.npz", X=X, y=y)
    np.savez(tmp_path / "one.npz", anything=X)
    np.save(tmp_path / "records.npy", np.array([(1, 2.5), (2, 3.5)], dtype=[("a", int), ("b", float)]))
    for name in ("x.npy", "both.npz", "one.npz"):
        data = read(str(tmp_path / name))
        assert data.X is not None
        assert np.array_equal(data.X, X)
    labels = read(str(tmp_path / "both.npz")).y
    assert labels is not None
    assert np.array_equal(labels, y)
    assert frame_of(read(str(tmp_path / "records.npy"))).rows() == [(1, 2.5), (2, 3.5)]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.zeros((3, 2)), "y": np.zeros(2)}, "one y for each of 3 rows"),
        ({"X": np.zeros((3, 2)), "y": np.zeros((3, 2))}, "one y for each"),
        ({"y": np.zeros(3), "Z": np.zeros(3)}, "expected arrays X and y, found"),
        ({"X": np.array(["a"])}, "expected numbers"),
        ({"X": np.array([1, "a"], dtype=object)}, "NPZ"),  # that would be a pickle, which may run anything
    ],
)
def test_npz_that_will_not_do(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadData, match=message):
        read(str(tmp_path / "a.npz"))


# --- images ----------------------------------------------------------------------------------------------------------


def images(folder: Path, size: tuple[int, int] = (6, 4), count: int = 3, mode: str = "L") -> None:
    from PIL import Image

    for k, label in enumerate(("cat", "dog")):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            colour = 40 * k + number if mode == "L" else (40 * k + number, 7, 9)
            Image.new(mode, size, colour).save(folder / label / f"{number}.png")  # type: ignore[arg-type]


def test_a_folder_of_images(tmp_path: Path) -> None:
    images(tmp_path)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    data = read(str(tmp_path))
    assert data.X is not None
    assert data.y is not None
    assert data.X.shape == (6, 4, 6)  # H before W
    assert data.y.tolist() == ["cat"] * 3 + ["dog"] * 3
    assert data.X[4].tolist() == [[41] * 6] * 4
    assert data.files == ("cat/0.png", "cat/1.png", "cat/2.png", "dog/0.png", "dog/1.png", "dog/2.png")


def test_coloured_images_and_images_without_classes(tmp_path: Path) -> None:
    images(tmp_path, mode="RGB", count=1)
    data = read(str(tmp_path))
    assert data.X is not None
    assert data.X.shape == (2, 4, 6, 3)
    assert data.X[1, 0, 0].tolist() == [40, 7, 9]
    alone = read(str(tmp_path / "cat"))
    assert alone.y is None
    assert len(alone) == 1
    grey = read(str(tmp_path), image_shape=(2, 3))
    assert grey.X is not None
    assert grey.X.shape == (2, 2, 3)
    assert "brought to 3 x 2 pixels" in grey.notes[0]


def test_images_that_will_not_do(tmp_path: Path) -> None:
    images(tmp_path)
    images(tmp_path / "other", size=(5, 5), count=1)
    (tmp_path / "other" / "dog" / "0.png").rename(tmp_path / "dog" / "9.png")
    with pytest.raises(BadData, match="--image-size 6x4"):
        read(str(tmp_path))
    (tmp_path / "dog" / "9.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(BadData, match=r"9\.png: no image that can be read"):
        read(str(tmp_path))
    (tmp_path / "nothing").mkdir()
    with pytest.raises(BadData, match="expected a folder with images"):
        read(str(tmp_path / "nothing"))


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    path = written(tmp_path, TEXT)
    images(tmp_path / "images")
    monkeypatch.setattr(extras, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install 'likeliest\[tables\]'"):
        read(path)
    with pytest.raises(ImportError, match=r"pip install 'likeliest\[images\]'"):
        read(str(tmp_path / "images"))
    np.save(tmp_path / "x.npy", np.zeros((2, 2)))
    assert len(read(str(tmp_path / "x.npy"))) == 2  # needs neither
