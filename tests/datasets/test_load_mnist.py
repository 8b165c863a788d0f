"""MNIST from files: where they are looked for, how they are spelled, and what is said when they are wrong."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from likeliest.datasets import load_mnist, mnist
from likeliest.datasets.idx import IdxError

N = {"train": 12, "t10k": 5}


def images(part: str) -> bytes:
    return struct.pack(">BBBBIII", 0, 0, 8, 3, N[part], 4, 3) + bytes(k % 256 for k in range(N[part] * 12))


def labels(part: str) -> bytes:
    return struct.pack(">BBBBI", 0, 0, 8, 1, N[part]) + bytes(k % 3 for k in range(N[part]))


def write(folder: Path, dot: bool = False, packed: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for part in N:
        for name, data in ((f"{part}-images-idx3-ubyte", images(part)), (f"{part}-labels-idx1-ubyte", labels(part))):
            file = folder / (name.replace("-idx", ".idx") if dot else name)
            if packed:
                file.with_name(file.name + ".gz").write_bytes(gzip.compress(data))
            else:
                file.write_bytes(data)
    return folder


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*arguments: object, **keywords: object) -> None:
        raise AssertionError("this must not use the network")

    monkeypatch.setattr(mnist, "fetch", refuse)
    monkeypatch.delenv("LIKELIEST_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dot", [False, True])
def test_every_spelling(tmp_path: Path, dot: bool, packed: bool) -> None:
    digits = load_mnist(write(tmp_path / "data", dot, packed))
    assert digits.train_images.shape == (12, 4, 3)
    assert digits.test_images.shape == (5, 4, 3)
    assert digits.train_labels.tolist() == [0, 1, 2] * 4
    assert digits.test_labels.dtype == np.int64
    assert (digits.name, digits.source) == ("mnist", f"IDX files in {tmp_path / 'data'}")


def test_scale(tmp_path: Path) -> None:
    folder = write(tmp_path / "data")
    scaled, plain = load_mnist(folder), load_mnist(str(folder), scale=False)
    assert scaled.train_images.dtype == np.float32
    assert plain.train_images.dtype == np.uint8
    assert plain.train_images.ravel().tolist() == list(range(144))
    np.testing.assert_array_equal(scaled.train_images, plain.train_images.astype(np.float32) / np.float32(255))


def test_where_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "cache" / "likeliest" / "mnist")
    assert load_mnist().source.endswith(os.path.join("cache", "likeliest", "mnist"))
    write(tmp_path / "variable" / "mnist")
    monkeypatch.setenv("LIKELIEST_DATA", str(tmp_path / "variable"))
    assert load_mnist().source.endswith(os.path.join("variable", "mnist"))
    write(tmp_path / "argument")
    assert load_mnist(tmp_path / "argument").source.endswith("argument")


def test_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mnist._cache_folder() == tmp_path / "cache" / "likeliest"
    for invalid in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", invalid)
        assert mnist._cache_folder() == Path.home() / ".cache" / "likeliest"


def test_missing_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "data")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        load_mnist(folder)
    text = str(caught.value)
    assert str(folder) in text
    for spelling in ("t10k-labels-idx1-ubyte or", "t10k-labels.idx1-ubyte or", "t10k-labels.idx1-ubyte.gz"):
        assert spelling in text
    assert "train-images" not in text
    monkeypatch.setenv("LIKELIEST_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(
        FileNotFoundError, match=r"nowhere, which is not a folder(.|\n)*LIKELIEST_DATA names this folder"
    ):
        load_mnist()
    monkeypatch.delenv("LIKELIEST_DATA")
    with pytest.raises(FileNotFoundError, match="download=True"):
        load_mnist(download=False)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("train-images-idx3-ubyte", labels("train"), "uint8 images, got"),
        ("train-labels-idx1-ubyte", labels("t10k"), "one uint8 label for each of the 12 images"),
        ("t10k-labels-idx1-ubyte", images("t10k"), "one uint8 label for each of the 5 images"),
        ("t10k-images-idx3-ubyte", struct.pack(">BBBBIII", 0, 0, 8, 3, 5, 2, 2) + bytes(20), "same data"),
        ("t10k-images-idx3-ubyte", images("t10k")[:-1], "cut short"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    folder = write(tmp_path / "data")
    (folder / name).write_bytes(data)
    with pytest.raises(IdxError, match=message) as caught:
        load_mnist(folder)
    assert name in str(caught.value)


# Read before the fixture hides it.
DATA = os.environ.get("LIKELIEST_DATA")


@pytest.mark.skipif(not DATA, reason="needs the real MNIST: set LIKELIEST_DATA to a folder with its four files")
def test_the_real_files() -> None:
    assert DATA is not None
    digits = load_mnist(DATA)
    assert digits.train_images.shape == (60000, 28, 28)
    assert digits.test_images.shape == (10000, 28, 28)
    assert np.bincount(digits.train_labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(digits.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    np.testing.assert_allclose(digits.train_images.mean(dtype=float), 0.1307, atol=5e-5)
    np.testing.assert_allclose(digits.train_images.std(dtype=float), 0.3081, atol=5e-5)


@pytest.mark.skipif(not DATA, reason="needs the real MNIST: set LIKELIEST_DATA to a folder with its four files")
def test_the_checksums_are_those_of_the_real_files() -> None:
    from likeliest.datasets.idx import content_digest

    assert DATA is not None
    for name, known in mnist.FILES.items():
        file = mnist._find(Path(DATA), name)
        assert file is not None
        assert content_digest(file, limit=known.size) == known
