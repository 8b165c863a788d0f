"""The weights of the hidden cells: what each one looks for."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from likeliest.plots.anatomy import as_image_shape, columns, is_bernoulli, output_names
from likeliest.plots.canvas import DIVERGING, FAINT, INK, framed, new_figure

if TYPE_CHECKING:
    from likeliest.network import Network


def hidden_weights(
    network: Network,
    image_shape: tuple[int, int] | None = None,
    *,
    layer: int = 1,
    max_cells: int = 40,
    class_names: Any = None,
) -> Any:
    """Draws the weights θ⁽ʰ⁾ that lead into each cell of a layer: red where an input pushes the cell up, blue down.

    The first layer's weights are drawn as images, in the order of what the cells say to the output; a later layer's (or
    those of inputs that are no image) as a table of colours, a column for each cell. One scale holds for all of them.

    Parameters
    ----------
    network : Network
        Of Dense layers.
    image_shape : (int, int), optional
        Height and width of an example; by default its own shape, or a square.
    layer : int
        Which layer, 1 for the first hidden one. The last one is the output layer.
    max_cells : int
        Draw at most so many cells, those with the largest weights.
    class_names : sequence, optional
        What the classes are called, 0, 1, ... by default.

    Returns
    -------
    matplotlib figure

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When an argument does not fit the network.

    Examples
    --------
    >>> import likeliest as ll
    >>> from likeliest import plots
    >>> net = ll.Network([ll.Dense(3, "logistic")], likelihood=ll.likelihoods.Bernoulli()).build(64)
    >>> len(plots.hidden_weights(net).axes)  # three cells and the colour bar
    4
    """
    layers = columns(network)
    if isinstance(layer, bool) or not isinstance(layer, int) or not 1 <= layer <= len(layers):
        raise ValueError(f"layer: expected a whole number from 1 to {len(layers)}, found {layer!r}")
    if isinstance(max_cells, bool) or not isinstance(max_cells, int) or max_cells < 1:
        raise ValueError(f"max_cells: expected a whole number of at least 1, found {max_cells!r}")
    names = output_names(network, class_names)
    W = layers[layer - 1].W
    after = layers[layer].W if layer < len(layers) else None  # None: these are the output cells themselves
    bernoulli = is_bernoulli(network)

    strength = np.linalg.norm(W, axis=0) * (1 if after is None else np.linalg.norm(after, axis=1))
    shown = np.sort(np.argsort(-strength, kind="stable")[:max_cells])
    if after is None:
        cells = ["ŷ" if bernoulli else f"ŷ for {names[j]}" for j in shown]
    elif layer < len(layers) - 1:
        cells = [f"$h_{{{j + 1}}}$" for j in shown]
    elif bernoulli:  # from the strongest vote for 0 to the strongest for 1
        shown = shown[np.argsort(after[shown, 0], kind="stable")]
        cells = [f"$h_{{{j + 1}}}$   {_signed(after[j, 0])}" for j in shown]
    else:  # by the class they speak for most
        shown = shown[np.lexsort((-after[shown].max(axis=1), after[shown].argmax(axis=1)))]
        cells = [f"$h_{{{j + 1}}}$ for {names[after[j].argmax()]}" for j in shown]

    shape = as_image_shape(network, image_shape) if layer == 1 else None
    what = "The weights θ⁽ŷ⁾ into" if after is None else "The weights θ⁽ʰ⁾ into"
    kind, place = "output" if after is None else "hidden", ""
    if after is not None and len(layers) > 2:
        kind, place = "", f" of hidden layer {layer}"
    total = W.shape[1]
    many = " ".join(f"{'the' if total == 1 else 'each'} {kind} cell".split()) + place
    if len(shown) < total:
        many = " ".join(f"the {len(shown)} strongest of the {total} {kind} cells".split()) + place
    source = "input" if layer == 1 else "hidden cell" if len(layers) == 2 else f"cell of hidden layer {layer - 1}"
    notes = []
    if after is not None and layer == len(layers) - 1:
        notes.append(
            "beside each cell, the weight from it to ŷ: above 0 it speaks for 1, below for 0"
            if bernoulli and class_names is None
            else f"beside each cell, the weight from it to ŷ: above 0 it speaks for {names[1]}, below for {names[0]}"
            if bernoulli
            else "beside each cell, the class it speaks for most"
        )
    title = f"{what} {many}"
    return _images(W, shown, cells, shape, title, notes) if shape else _table(W, shown, cells, source, title, notes)


def _signed(value: float) -> str:
    text = f"{value:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def _scale(values: Any) -> float:
    """The end of the colour scale: the largest weight; of many, without the 0.2 % beside which the rest would pale."""
    return float(np.quantile(np.abs(values), 0.998 if values.size > 2000 else 1.0)) or 1.0


def _images(W: Any, shown: Any, cells: list[str], shape: tuple[int, int], title: str, notes: list[str]) -> Any:
    across = _across(len(shown), shape[0] / shape[1])
    down = math.ceil(len(shown) / across)
    side = {1: 3.0, 2: 2.4, 3: 2.4}.get(len(shown), min(1.7, max(0.85, 9.5 / across)))
    width = max(across * side + 0.9, 3.9)
    figure = new_figure(width, down * (side * shape[0] / shape[1] + 0.22) + 0.8)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    limit = _scale(W[:, shown])
    image = None
    for ax, j, cell in zip(axes, shown, cells, strict=False):
        image = ax.imshow(W[:, j].reshape(shape), cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
        framed(ax)
        ax.set_title(cell, fontsize=9, color=INK, pad=3)
    for ax in axes[len(shown) :]:
        ax.remove()
    return _finish(figure, image, list(axes[: len(shown)]), limit, W[:, shown], title, notes, width)


def _table(W: Any, shown: Any, cells: list[str], source: str, title: str, notes: list[str]) -> Any:
    width, height = min(12.0, max(4.6, 2.0 + 0.35 * len(shown))), min(9.0, max(3.0, 1.6 + 0.18 * len(W)))
    figure = new_figure(width, height)
    ax = figure.add_subplot()
    limit = _scale(W[:, shown])
    image = ax.imshow(
        W[:, shown], cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest", origin="upper"
    )
    framed(ax)
    ax.set_xticks(range(len(shown)), cells, fontsize=9, rotation=90 if len(shown) > 6 else 0)
    step = max(1, math.ceil(len(W) / 32))
    ax.set_yticks(range(0, len(W), step), [str(i + 1) for i in range(0, len(W), step)], fontsize=8)
    ax.set_ylabel(f"from {source}")
    return _finish(figure, image, [ax], limit, W[:, shown], title, notes, width)


def _finish(
    figure: Any, image: Any, axes: list[Any], limit: float, drawn: Any, title: str, notes: list[str], width: float
) -> Any:
    bar = figure.colorbar(
        image,
        ax=axes,
        shrink=0.9 if len(axes) < 12 else 0.6,
        aspect=25,
        pad=0.02,
        extend="both" if np.abs(drawn).max() > limit else "neither",
    )
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)  # type: ignore[operator, unused-ignore]
    figure.suptitle(_wrap(title, width, 12), fontsize=12, color=INK)
    if notes:
        figure.supxlabel(_wrap("; ".join(notes), width, 9), fontsize=9, color=FAINT)
    return figure


def _wrap(text: str, width: float, size: float) -> str:
    """Lines that fit in so many inches at a font size in points."""
    return textwrap.fill(text, max(20, int(width * 72 / (0.53 * size))))


def _across(cells: int, tallness: float) -> int:
    """How many images side by side: about half as many rows as columns, and no nearly empty last row.

    >>> [_across(n, 1.0) for n in (1, 3, 8, 10, 40)]
    [1, 3, 4, 5, 8]
    """
    if cells <= 4:
        return cells
    wanted = min(10, max(2, round(math.sqrt(1.7 * cells * tallness))))
    return min(range(max(2, wanted - 1), wanted + 2), key=lambda n: (-(-cells // n) * n - cells, abs(n - wanted)))
