"""The terminal: text that any encoding can take, tables, and digits drawn in characters."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.markup import escape

Array = npt.NDArray[Any]

SHADES, ASCII_SHADES = " ░▒▓█", " .:+#"
GAP = 3  # between pictures side by side
IN_ASCII = str.maketrans(
    {"θ": "theta", "ŷ": "y_hat", "η": "eta", "σ": "s", "Σ": "sum", "∂": "d", "·": "*", "−": "-", "…": "...", "←": "<-"}
    | {"⁽": "(", "⁾": ")", "ʰ": "h"}
    | dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True))
)


class Terminal:
    """Standard output, at its width and in its encoding; plain when it is no terminal.

    Parameters
    ----------
    quiet : bool
        Whether nothing is printed.
    notes : bool
        Whether `note` prints, to standard error.
    """

    def __init__(self, quiet: bool = False, notes: bool = True) -> None:
        self.notes = notes
        self.console = Console(highlight=False, emoji=False, quiet=quiet)
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        self.unicode = encoding.lower().replace("-", "").startswith("utf")

    def say(self, text: str = "", style: str = "") -> None:
        """Prints lines, broken at the width of the terminal."""
        self.console.print(escape(self.spelled(text)), style=style or None)

    def verbatim(self, text: str) -> None:
        """Prints lines as they are."""
        self.console.print(escape(self.spelled(text)), soft_wrap=True, end="")

    def note(self, text: str) -> None:
        """Prints a line to standard error: what the user should know, whatever becomes of the output."""
        if self.notes:
            print(f"likeliest: {' '.join(text.split())}", file=sys.stderr, flush=True)

    def spelled(self, text: str) -> str:
        """The text, in ASCII where the encoding needs it."""
        return text if self.unicode else text.translate(IN_ASCII).encode("ascii", "replace").decode()

    def pictures(self, images: Sequence[Array], captions: Sequence[Sequence[str]]) -> None:
        """Prints images (H, W) of ink from 0 to 1 side by side, as many as fit, each with its lines below."""
        blocks = [
            [*draw(image, self.console.width, self.unicode), *map(self.spelled, caption)]
            for image, caption in zip(images, captions, strict=True)
        ]
        width = max(len(line) for block in blocks for line in block)
        across = max(1, (self.console.width + GAP) // (width + GAP))
        for begin in range(0, len(blocks), across):
            row = blocks[begin : begin + across]
            for lines in zip(*row, strict=True):
                line = (" " * GAP).join(f"{text:<{width}}" for text in lines).rstrip()
                self.console.print(escape(line), soft_wrap=True)
            if begin + across < len(blocks):
                self.console.print()


def draw(image: Array, width: int = 80, unicode: bool = True) -> list[str]:
    """An image in characters: (H, W) from 0 (paper) to 1 (ink) -> lines, all of one length.

    Ink is printed in the terminal's own colour, so it shows on a dark screen and on a light one. Small images get two
    characters in five shades for each pixel; larger ones one character for two pixels, one above the other, full or
    empty; without Unicode the two are averaged.

    >>> for line in draw(np.array([[0.0, 1.0], [0.5, 0.0]])):
    ...     print(f"[{line}]")
    [  ██]
    [▒▒  ]
    >>> draw(np.eye(14)[:2], unicode=True)
    ['▀▄            ']
    """
    image = np.clip(np.nan_to_num(np.asarray(image, np.float64)), 0, 1)
    if image.shape[1] <= 12:
        shades = SHADES if unicode else ASCII_SHADES
        return ["".join(2 * shades[round(4 * float(ink))] for ink in row) for row in image]
    while image.shape[1] > width:
        image = _halved(image)
    if len(image) % 2:
        image = np.vstack([image, np.zeros(image.shape[1])])
    upper, lower = image[::2], image[1::2]
    if unicode:
        index = 2 * (upper > 0.4).astype(int) + (lower > 0.4)
        return ["".join(" ▄▀█"[i] for i in row) for row in index]
    return ["".join(ASCII_SHADES[round(4 * float(ink))] for ink in row) for row in (upper + lower) / 2]


def trimmed(images: Array) -> Array:
    """The images without the border that is blank in all of them: (n, H, W) -> (n, fewer, fewer)."""
    if images.shape[2] <= 12:
        return images
    ink = images.max(axis=0) > 0.2
    rows, across = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return images
    return images[:, rows[0] : rows[-1] + 1, across[0] : across[-1] + 1]


def _halved(image: Array) -> Array:
    """Every 2 by 2 pixels become their mean: (H, W) -> (H / 2, W / 2)."""
    image = np.pad(image, ((0, len(image) % 2), (0, image.shape[1] % 2)))
    return np.asarray((image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4)
