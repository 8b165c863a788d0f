"""Canvas: new figures without pyplot, and the colours that all pictures share."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

INK = "#1a1a1a"
FAINT = "#8a8a8a"
POSITIVE, NEGATIVE = "#b2182b", "#2166ac"  # the ends of RdBu, which colour-blind readers can tell apart
DIVERGING = "RdBu_r"  # weights: blue below 0, white at 0, red above
PAPER = "Greys"  # images and values: white is 0, dark is ink
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe and Ito's
TRAIN, HELD_OUT = PALETTE[:2]


def new_figure(width: float, height: float) -> Any:
    """A figure of that many inches that knows how to show itself in a notebook.

    Raises
    ------
    ImportError
        When matplotlib is not installed; the message says how to install it.
    """
    figure = _figure_class()(figsize=(width, height), layout="constrained", facecolor="white")
    return figure


def new_axes(width: float, height: float) -> Any:
    """The axes of a new figure, which show their figure in a notebook."""
    figure = new_figure(width, height)
    axes = figure.add_subplot()
    axes._repr_png_ = figure._repr_png_
    return axes


@cache
def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("the pictures need matplotlib: pip install 'likeliest[plots]'") from error

    class Picture(Figure):  # type: ignore[misc, unused-ignore]
        """A figure that a notebook shows although pyplot, which usually sees to that, has never heard of it."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=100)
            return buffer.getvalue()

    return Picture


def bare(axes: Any) -> None:
    """Takes ticks and frame away, for an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def framed(axes: Any, colour: str = "#cccccc", width: float = 0.6) -> None:
    """Takes the ticks away and leaves a thin frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=width)


def probability(p: float) -> str:
    """Enough digits to see how sure.

    >>> probability(0.5234), probability(0.99996), probability(3e-5)
    ('0.52', '0.99996', '0.00003')
    """
    for digits in (2, 3, 4, 5):
        text = f"{p:.{digits}f}"
        if 0 < float(text) < 1:
            return text
    return f"{p:.5f}"
