"""A folder of images, a folder in it for each class: (n, H, W) of grey, or (n, H, W, 3) of colours, from 0 to 255."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.cli.data import Data
from likeliest.cli.extras import need_pillow
from likeliest.cli.options import BadData

Array = npt.NDArray[Any]

GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")


def read_images(folder: Path, source: str, shape: tuple[int, ...] | None) -> Data:
    """Reads all images in the folders of a folder; or, where there are none, those in the folder itself.

    Parameters
    ----------
    folder : Path
        The folder.
    source : str
        What the user called it.
    shape : (H, W) or (H, W, 3), optional
        What to bring all images to; by default all must be of one size.

    Raises
    ------
    BadData
        When there are no images, one is broken, or they differ in size.
    """
    Image = need_pillow()
    Image.init()
    kinds = set(Image.registered_extensions())
    classes = [inner for inner in sorted(folder.iterdir()) if inner.is_dir() and not inner.name.startswith(".")]
    places = [(path, inner.name) for inner in classes for path in _images(inner, kinds)]
    if not places:
        places = [(path, "") for path in _images(folder, kinds)]
    if not places:
        raise BadData(f"{source}: expected a folder with images, or one with a folder of images for each class")
    labelled = bool(places[0][1])
    colour = len(shape) == 3 if shape else any(_is_coloured(Image, path) for path, _ in places)
    size = shape[:2] if shape else None
    pixels, resized, first = [], 0, places[0][0]
    for path, _ in places:
        image = _open(Image, path, "RGB" if colour else "L")
        if size is None:
            size = (image.height, image.width)
        elif (image.height, image.width) != size:
            if shape is None:
                raise BadData(
                    f"{source}: {first.name} is of {size[1]} x {size[0]} pixels, {path.name} of {image.width} x "
                    f"{image.height}; --image-size {size[1]}x{size[0]} brings all to one size"
                )
            image, resized = image.resize((size[1], size[0]), Image.Resampling.BOX), resized + 1
        pixels.append(np.asarray(image, np.uint8))
    notes = (f"{resized} of {len(places)} images were brought to {size[1]} x {size[0]} pixels",) if resized else ()  # type: ignore[index]
    X = np.stack(pixels)
    y = np.array([name for _, name in places]) if labelled else None
    return Data(source, X=X, y=y, files=tuple(str(path.relative_to(folder)) for path, _ in places), notes=notes)


def _images(folder: Path, kinds: set[str]) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in kinds and path.is_file()]


def _is_coloured(Image: Any, path: Path) -> bool:
    """By the header alone."""
    try:
        with Image.open(path) as image:
            return image.mode not in GREY
    except Exception as error:  # broken images break decoders in many ways
        raise BadData(f"{path}: no image that can be read: {error}") from None


def _open(Image: Any, path: Path, mode: str) -> Any:
    """The image in the mode, with its pixels."""
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.mode.startswith("I") or image.mode == "F":  # of 16 bits: to 8
                values = np.asarray(image, np.float64)
                largest = 65535.0 if values.max() > 255 else 255.0
                return Image.fromarray(np.clip(values / largest * 255, 0, 255).astype(np.uint8)).convert(mode)
            return image.convert(mode)
    except Exception as error:  # broken images break decoders in many ways
        raise BadData(f"{path}: no image that can be read: {error}") from None
