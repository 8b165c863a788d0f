"""MNIST: 70 000 handwritten digits of 28 by 28 pixels, from files you have or from the network."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from likeliest.datasets.digits import Digits
from likeliest.datasets.download import fetch
from likeliest.datasets.idx import IdxError, read_idx

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)


class Content(NamedTuple):
    """SHA-256 and number of bytes of a file's content, after unpacking it."""

    sha256: str
    size: int


# Of the unpacked IDX bytes: they are the same everywhere, while the .gz around them differs from mirror to mirror.
FILES = {
    "train-images-idx3-ubyte": Content("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016),
    "train-labels-idx1-ubyte": Content("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008),
    "t10k-images-idx3-ubyte": Content("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016),
    "t10k-labels-idx1-ubyte": Content("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008),
}


def load_mnist(
    path: str | os.PathLike[str] | None = None,
    download: bool = True,
    *,
    scale: bool = True,
    mirrors: Sequence[str] = MIRRORS,
) -> Digits:
    """Load MNIST's 60 000 training and 10 000 test images of handwritten digits.

    Images (60000, 28, 28) and (10000, 28, 28), labels (60000,) and (10000,), int64 from 0 to 9.

    The four IDX files are looked for in `path`, else in the folder that the environment variable LIKELIEST_DATA names,
    else in the cache folder ($XDG_CACHE_HOME/likeliest, or ~/.cache/likeliest), and in a folder `mnist` inside it. Each
    may be plain or compressed (.gz), and spelled train-images-idx3-ubyte or train-images.idx3-ubyte. Files of your own
    are taken as they are, so data in MNIST's format (Fashion-MNIST, KMNIST) load too; what is downloaded is checked.

    Parameters
    ----------
    path : str or path, optional
        a folder with the four files. When it, or LIKELIEST_DATA, is given, nothing is downloaded.
    download : bool
        fetch what the cache folder lacks, 11 MB over HTTPS, checked by SHA-256; a broken download is resumed.
    scale : bool
        float32 from 0 (background) to 1 (ink); False leaves the files' uint8 from 0 to 255, a quarter of the memory.
    mirrors : sequence of str
        the servers' folders to fetch from, in the order to try them; https only.

    Returns
    -------
    Digits
        with `name` "mnist".

    Raises
    ------
    FileNotFoundError
        when a file is not in the given folder, or not in the cache and `download` is False.
    IdxError
        (a ValueError) when a file is not well-formed IDX, or the four do not belong together.
    DownloadError
        (an OSError) when no mirror gave a file.

    Notes
    -----
    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE 86, 1998, doi:10.1109/5.726791.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for part, n in (("train", 2), ("t10k", 1)):
    ...     header = bytes([0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 28, 0, 0, 0, 28])
    ...     _ = (folder / f"{part}-images-idx3-ubyte").write_bytes(header + bytes(n * 784))
    ...     _ = (folder / f"{part}-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, n]) + bytes(range(n)))
    >>> load_mnist(folder)
    Digits(mnist: 2 for training, 1 for testing, 28 x 28 float32, classes 0 1)
    """
    given = path if path is not None else os.environ.get("LIKELIEST_DATA") or None
    folder = Path(given).expanduser() if given is not None else _cache_folder()

    found = {name: _find(folder, name) for name in FILES}
    missing = [name for name, file in found.items() if file is None]
    if missing and (given is not None or not download):
        raise FileNotFoundError(_not_there(folder, missing, given is not None, path is not None))
    for name in missing:
        urls = [f"{mirror.rstrip('/')}/{name}.gz" for mirror in mirrors]
        found[name] = fetch(f"{name}.gz", urls, folder / "mnist", sha256=FILES[name].sha256, size=FILES[name].size)

    files = [file for file in found.values() if file is not None]  # all four, in the order of FILES
    train_images, train_labels = _images_and_labels(files[0], files[1], scale)
    test_images, test_labels = _images_and_labels(files[2], files[3], scale)
    if train_images.shape[1:] != test_images.shape[1:]:
        raise IdxError(
            f"{files[0]} has images of {train_images.shape[1:]} and {files[2]} of {test_images.shape[1:]}: "
            "take all four files from the same data"
        )
    return Digits(
        train_images, train_labels, test_images, test_labels, name="mnist", source=f"IDX files in {files[0].parent}"
    )


def _cache_folder() -> Path:
    # The XDG specification: a relative path there is invalid and to be ignored.
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(chosen) if os.path.isabs(chosen) else Path.home() / ".cache") / "likeliest"


def _spellings(name: str) -> list[str]:
    """Both spellings, plain before compressed (quicker to read).

    >>> _spellings("t10k-labels-idx1-ubyte")[:2]
    ['t10k-labels-idx1-ubyte', 't10k-labels.idx1-ubyte']
    """
    other = name.replace("-idx", ".idx")
    return [name, other, f"{name}.gz", f"{other}.gz"]


def _find(folder: Path, name: str) -> Path | None:
    for place in (folder, folder / "mnist"):
        for spelling in _spellings(name):
            if (place / spelling).is_file():
                return place / spelling
    return None


def _not_there(folder: Path, missing: list[str], given: bool, by_argument: bool) -> str:
    where = f"{folder} (or its folder mnist)"
    if not folder.is_dir():
        where = f"{folder}, which is not a folder"
    wanted = "\n  ".join(" or ".join(_spellings(name)) for name in missing)
    if not given:
        cure = "Let load_mnist download them (download=True), or give the folder that has them as path."
    elif by_argument:
        cure = "Give the folder that has them as path, or no path at all to have them downloaded."
    else:
        cure = (
            "The environment variable LIKELIEST_DATA names this folder: correct or unset it (then they are downloaded)."
        )
    return f"MNIST files are missing from {where}; looked for\n  {wanted}\n{cure}"


def _images_and_labels(images_file: Path, labels_file: Path, scale: bool) -> tuple[NDArray[Any], NDArray[np.int64]]:
    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise IdxError(
            f"{images_file} should hold (n, H, W) uint8 images, got {images.shape} {images.dtype}: another file?"
        )
    if labels.shape != images.shape[:1] or labels.dtype != np.uint8:
        raise IdxError(
            f"{labels_file} should hold one uint8 label for each of the {len(images)} images in {images_file}, "
            f"got {labels.shape} {labels.dtype}: take all four files from the same data"
        )
    if scale:
        images = images.astype(np.float32)
        images /= np.float32(255)
    return images, labels.astype(np.int64)
