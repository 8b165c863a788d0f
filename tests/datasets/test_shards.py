"""Shards: files of rows joined to one that stays on disk."""

from __future__ import annotations

import gzip
import os
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeliest.datasets import join_shards

RNG = np.random.default_rng(0)


def idx(path: Path, array: Any) -> Path:
    """Written by hand, as the format says."""
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    data = head + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_files_of_each_kind(tmp_path: Path) -> None:
    parts = [RNG.integers(0, 256, size=(n, 2, 3)) for n in (4, 1, 6)]
    np.save(tmp_path / "c.npy", parts[2].astype(np.uint8))
    paths = [idx(tmp_path / "a.idx", parts[0]), idx(tmp_path / "b.gz", parts[1]), tmp_path / "c.npy"]
    X = join_shards(paths, tmp_path / "new" / "X.npy")
    assert isinstance(X, np.memmap)
    assert X.dtype == np.uint8
    assert np.array_equal(X, np.concatenate(parts))
    assert os.listdir(tmp_path / "new") == ["X.npy"]


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pl = pytest.importorskip("polars")
    monkeypatch.setattr("likeliest.datasets.shards.BLOCK", 100)  # several blocks a file
    frames = [
        pl.DataFrame({"a": RNG.normal(size=n), "b": np.arange(n), "name": ["x"] * n, "c": [None, 1.5] * (n // 2)})
        for n in (20, 6)
    ]
    paths = [tmp_path / f"{k}.parquet" for k in range(2)]
    for path, frame in zip(paths, frames, strict=True):
        frame.write_parquet(path)
    X = join_shards(paths, tmp_path / "X.npy", columns=["b", "a", "c"])
    expected = np.concatenate([frame.select("b", "a", "c").to_numpy() for frame in frames])
    np.testing.assert_array_equal(X, expected)
    assert X.dtype == np.float64
    assert np.isnan(X[0, 2])
    with pytest.raises(ValueError, match=r"columns: .*0.parquet has no numbers in 'name'"):
        join_shards(paths, tmp_path / "X.npy")
    pl.DataFrame({"b": [1, None]}).write_parquet(paths[0])
    with pytest.raises(ValueError, match="has gaps in 'b', where there are whole numbers"):
        join_shards(paths[:1], tmp_path / "Y.npy", columns=["b"])


def test_it_is_made_once_and_again_when_a_shard_has_changed(tmp_path: Path) -> None:
    paths = [tmp_path / "0.npy", tmp_path / "1.npy"]
    for k, path in enumerate(paths):
        np.save(path, np.full((3, 2), float(k)))
        os.utime(path, ns=(10**18, 10**18))
    out = tmp_path / "X.npy"
    join_shards(paths, out)
    before = out.stat().st_ino
    assert join_shards(paths, out).sum() == 6
    assert out.stat().st_ino == before
    np.save(paths[0], np.full((3, 2), 5.0))
    os.utime(paths[0], ns=(4 * 10**18, 4 * 10**18))
    assert join_shards(paths, out).sum() == 36
    assert join_shards(paths[:1], out).shape == (3, 2)


def test_what_cannot_be_joined(tmp_path: Path) -> None:
    np.save(tmp_path / "0.npy", np.zeros((3, 2)))
    np.save(tmp_path / "1.npy", np.zeros((3, 4)))
    np.save(tmp_path / "flat.npy", np.zeros(3))
    (tmp_path / "text").write_text("no data at all")
    for paths, message in (
        ([], "paths: expected a list of files, found []"),
        ("0.npy", "paths: expected a list of files, found '0.npy'"),
        (["0.npy", "1.npy"], "1.npy has rows of shape (4,), and"),
        (["flat.npy"], "flat.npy has no rows, its shape is (3,)"),
        (["text"], "text is not an IDX file"),
    ):
        given = paths if isinstance(paths, str) else [tmp_path / name for name in paths]
        with pytest.raises(ValueError, match=re.escape(message)):
            join_shards(given, tmp_path / "X.npy")
    assert not (tmp_path / "X.npy").exists()
    with pytest.raises(FileNotFoundError):
        join_shards([tmp_path / "none.npy"], tmp_path / "X.npy")
    with pytest.raises(ValueError, match=r"columns: .*0.npy is no Parquet file"):
        join_shards([tmp_path / "0.npy"], tmp_path / "X.npy", columns=["a"])
