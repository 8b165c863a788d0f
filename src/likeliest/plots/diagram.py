"""The network as the handout's Figure 2 draws it: columns of cells, arrows between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest.plots.anatomy import Column, as_image_shape, columns, is_bernoulli, output_names
from likeliest.plots.canvas import FAINT, INK, NEGATIVE, PAPER, POSITIVE, new_figure, probability

if TYPE_CHECKING:
    from likeliest.network import Network

Array = npt.NDArray[Any]

RADIUS = 0.32  # of a cell; cells are 1 apart
APART = 3.4  # the columns
INCH = 0.52  # of paper for one unit
BIAS = -1  # the index of x_0 and h_0, which are always 1


@dataclass(frozen=True)
class Drawn:
    """A column on paper: the cells shown, top to bottom, and where.

    Attributes
    ----------
    x : float
        Where the column stands.
    cells : mapping from index to height
        The index is `BIAS` for the bias term.
    width : int
        How many cells the column has in all, without the bias term.
    values : (width,) array or None
        What they hold for the example.
    labels : mapping from index to str
        Their names, in mathematical type.
    """

    x: float
    cells: dict[int, float]
    width: int
    values: Array | None
    labels: dict[int, str]

    @property
    def hidden(self) -> int:
        """How many cells are not shown."""
        return self.width - sum(index != BIAS for index in self.cells)


def network(
    network: Network,
    x: Any = None,
    *,
    image_shape: tuple[int, int] | None = None,
    max_cells: int = 10,
    class_names: Any = None,
) -> Any:
    """Draws the network: cells in columns, an arrow for each θ, red above 0 and blue below, wider the larger it is.

    Given an example x, every cell is filled by its value for it. Of a wide column only some cells are shown: those that
    matter most (whose value times weights is largest, or without x whose weights are).

    Parameters
    ----------
    network : Network
        Of Dense layers.
    x : array, optional
        One example; an image is drawn beside the inputs.
    image_shape : (int, int), optional
        Height and width of x, by default its own, or a square.
    max_cells : int
        Show at most so many cells in a column, and the bias term.
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
        When an argument does not fit, or the network has layers that are no columns of cells.

    Notes
    -----
    Source: handout, Figure 2.

    Examples
    --------
    >>> import likeliest as ll
    >>> from likeliest import plots
    >>> net = ll.Network([ll.Dense(3, "logistic")], likelihood=ll.likelihoods.Bernoulli()).build(4, seed=0)
    >>> plots.network(net, [1, 0, 0, 1]).get_suptitle()
    'ŷ = P(Y = 1 | x) = 0.68'
    """
    if isinstance(max_cells, bool) or not isinstance(max_cells, int) or max_cells < 1:
        raise ValueError(f"max_cells: expected a whole number of at least 1, found {max_cells!r}")
    layers, names = columns(network), output_names(network, class_names)
    values: list[Array | None] = [None] * (len(layers) + 1)
    probabilities = None
    shape = None
    if x is not None:
        example = np.asarray(x)
        if image_shape is None and example.ndim == 2:
            image_shape = (example.shape[0], example.shape[1])
        shape = as_image_shape(network, image_shape)
        trace = network.trace(example.reshape(1, *network.program.input_shape))
        probabilities = trace.values["y_hat"].reshape(-1)
        values = [
            trace.values["x"].reshape(-1),
            *(trace.values[layer.value][0] for layer in layers[:-1]),
            probabilities,
        ]

    drawn = [_column(k, layers, values[k], max_cells, names, is_bernoulli(network)) for k in range(len(layers) + 1)]
    figure, ax = _paper(drawn, shape is not None)
    for k, layer in enumerate(layers):
        _arrows(ax, layer, drawn[k], drawn[k + 1])
    for column in drawn:
        _cells(ax, column, first=column is drawn[0], last=column is drawn[-1])
    _headings(ax, layers, drawn, network)
    if shape is not None and values[0] is not None:
        _picture(ax, values[0].reshape(shape), drawn[0])
    below = any(column.values is not None and column.values.min() < 0 for column in drawn)
    _key(figure, x is not None, below)
    if probabilities is None:
        title = "The network"
    elif is_bernoulli(network):
        event = "Y = 1" if class_names is None else names[1]
        title = f"ŷ = P({event} | x) = {probability(probabilities[0])}"
    else:
        best = int(probabilities.argmax())
        title = f"The likeliest is {names[best]}: P(Y = {names[best]} | x) = {probability(probabilities[best])}"
    figure.suptitle(title, fontsize=13, color=INK)
    return figure


def _column(k: int, layers: list[Column], values: Array | None, max_cells: int, names: list[str], one: bool) -> Drawn:
    """Column k: 0 the inputs, the last one the output."""
    last = k == len(layers)
    width = layers[0].W.shape[0] if k == 0 else layers[k - 1].W.shape[1]
    bias = not last and layers[k].b is not None
    if last:
        strength = np.linalg.norm(layers[-1].W, axis=0) if values is None else values
    else:
        strength = np.linalg.norm(layers[k].W, axis=1) * (1 if values is None else np.abs(values))
    shown = np.sort(np.argsort(-strength, kind="stable")[:max_cells]) if width > max_cells else np.arange(width)
    rows = [BIAS] * bias + [int(index) for index in shown]
    top = (len(rows) - 1 + (0.9 if len(shown) < width else 0)) / 2
    cells = {index: top - row for row, index in enumerate(rows)}
    if k == 0:
        labels = {index: f"$x_{{{index + 1}}}$" for index in cells}
    elif last:
        labels = {index: r"$\hat{y}$" if one else rf"$\hat{{y}}$ for {names[index]}" for index in cells}
    else:
        labels = {index: f"$h_{{{index + 1}}}$" for index in cells}
    return Drawn(APART * k, cells, width, values, labels)


def _paper(drawn: list[Drawn], picture: bool) -> tuple[Any, Any]:
    top = max(max(column.cells.values()) for column in drawn) + 1.35
    bottom = min(min(column.cells.values()) - (0.9 if column.hidden else 0) for column in drawn) - 1.5
    top, bottom = max(top, 2.2), min(bottom, -2.7)
    left, right = -4.8 if picture else -1.3, drawn[-1].x + 1.9
    figure = new_figure(INCH * (right - left), INCH * (top - bottom) + 0.8)
    ax = figure.add_subplot()
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.axis("off")
    return figure, ax


def _arrows(ax: Any, layer: Column, source: Drawn, target: Drawn) -> None:
    """An arrow for each θ between cells that are shown, the strongest on top."""
    from matplotlib.patches import FancyArrowPatch

    theta = {
        (i, j): float(layer.W[i, j] if i != BIAS or layer.b is None else layer.b[j])
        for i in source.cells
        for j in target.cells
        if j != BIAS
    }
    largest = max(abs(value) for value in theta.values()) or 1.0
    for (i, j), value in sorted(theta.items(), key=lambda item: abs(item[1])):
        size = abs(value) / largest
        start = np.array([source.x, source.cells[i]])
        end = np.array([target.x, target.cells[j]])
        along = (end - start) / np.linalg.norm(end - start)
        ax.add_patch(
            FancyArrowPatch(
                start + RADIUS * along,
                end - (RADIUS + 0.03) * along,
                arrowstyle="-|>",
                mutation_scale=4 + 5 * size,
                shrinkA=0,
                shrinkB=0,
                linewidth=0.4 + 2.4 * size,
                color=POSITIVE if value >= 0 else NEGATIVE,
                alpha=0.12 + 0.78 * size,
                zorder=1 + size,
            )
        )


def _cells(ax: Any, column: Drawn, first: bool, last: bool) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Circle

    largest = 1.0 if column.values is None else max(1.0, float(np.abs(column.values).max()))
    for index, y in column.cells.items():
        value = 1.0 if index == BIAS else None if column.values is None else float(column.values[index])
        shade = 0.0 if value is None or index == BIAS else 0.8 * min(1.0, abs(value) / largest)
        ax.add_patch(
            Circle(
                (column.x, y),
                RADIUS,
                facecolor=colormaps[PAPER if value is None or value >= 0 else "Blues"](shade),
                edgecolor=FAINT if index == BIAS else INK,
                linestyle=(0, (2, 1.5)) if index == BIAS else "-",
                linewidth=1.1,
                zorder=3,
            )
        )
        label = column.labels[index]
        inside = "1" if index == BIAS else label if value is None else _number(value)
        if value is None and last and len(column.cells) > 1:
            inside = ""
        colour = "white" if shade > 0.45 else INK
        size = 11 if value is None else 7.5
        ax.text(column.x, y - 0.01, inside, ha="center", va="center", fontsize=size, color=colour, zorder=4)
        if inside == label:
            continue
        if first:
            ax.text(column.x - RADIUS - 0.1, y, label, ha="right", va="center", fontsize=10, color=INK, zorder=4)
        elif last:
            ax.text(column.x + RADIUS + 0.1, y, label, ha="left", va="center", fontsize=10, color=INK, zorder=4)
        else:
            back = {"boxstyle": "round,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
            ax.text(
                column.x,
                y + RADIUS + 0.05,
                label,
                ha="center",
                va="bottom",
                fontsize=8.5,
                color=INK,
                zorder=4,
                bbox=back,
            )
    if column.hidden:
        y = min(column.cells.values())
        for step in (0.62, 0.78, 0.94):
            ax.plot(column.x, y - step, "o", color=INK, markersize=2.2, zorder=4)


def _headings(ax: Any, layers: list[Column], drawn: list[Drawn], network: Network) -> None:
    """θ above each gap between columns; what each column is, below it."""
    bottom, top = ax.get_ylim()
    for k in range(len(layers)):
        if k == len(layers) - 1:
            label = r"$\theta^{(\hat{y})}$"
        else:
            label = r"$\theta^{(h)}$" if len(layers) == 2 else rf"$\theta^{{(h^{{({k + 1})}})}}$"
        ax.text((drawn[k].x + drawn[k + 1].x) / 2, top, label, ha="center", va="top", fontsize=14, color=INK)
    for k, column in enumerate(drawn):
        if k == 0:
            words = "1 input" if column.width == 1 else f"{column.width} inputs"
        elif k < len(layers):
            words = f"{column.width} {layers[k - 1].activation} " + ("cell" if column.width == 1 else "cells")
            words = words if len(layers) == 2 else f"$h^{{({k})}}$: {words}"
        else:
            words = "logistic output" if is_bernoulli(network) else f"softmax, {column.width} classes"
        if column.hidden:
            words += f",\n{column.width - column.hidden} shown"
        ax.text(column.x, bottom + 0.95, words, ha="center", va="top", fontsize=9, color=FAINT, linespacing=1.1)


def _picture(ax: Any, image: Array, inputs: Drawn) -> None:
    """The example as an image left of the inputs, each shown pixel joined to its cell."""
    from matplotlib.patches import Rectangle

    H, W = image.shape
    pixel = 2.5 / max(H, W)
    left, top = -4.5, H * pixel / 2
    ax.imshow(
        image,
        cmap=PAPER,
        vmin=0,
        vmax=float(image.max()) or 1.0,
        extent=(left, left + W * pixel, -top, top),
        interpolation="nearest",
        zorder=2,
        aspect="equal",
    )
    ax.add_patch(Rectangle((left, -top), W * pixel, 2 * top, fill=False, edgecolor="#cccccc", linewidth=0.8, zorder=3))
    for index, y in inputs.cells.items():
        if index == BIAS:
            continue
        row, across = divmod(index, W)
        corner = (left + across * pixel, top - (row + 1) * pixel)
        ax.add_patch(Rectangle(corner, pixel, pixel, fill=False, edgecolor="#e69f00", linewidth=1.2, zorder=5))
        ax.plot(
            [corner[0] + pixel, inputs.x - RADIUS - 0.75],
            [corner[1] + pixel / 2, y],
            color="#e69f00",
            linewidth=0.7,
            alpha=0.8,
            zorder=4,
        )
    ax.text(left + W * pixel / 2, -top - 0.25, "x", ha="center", va="top", fontsize=11, color=INK)


def _key(figure: Any, filled: bool, below: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color=POSITIVE, linewidth=2.4, label="θ > 0"),
        Line2D([], [], color=NEGATIVE, linewidth=2.4, label="θ < 0, wider is larger"),
    ]
    if filled:
        handles.append(Patch(facecolor="#4d4d4d", edgecolor=INK, label="darker cell: larger value"))
    if below:
        handles.append(Patch(facecolor="#2171b5", edgecolor=INK, label="value below 0"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5)


def _number(value: float) -> str:
    """A value that fits into a cell.

    >>> _number(0.123), _number(-0.5), _number(12.34), _number(0.0)
    ('.12', '−.50', '12', '0')
    """
    if value == 0:
        return "0"
    text = f"{value:.2f}" if abs(value) < 9.995 else f"{value:.0f}"
    text = text.replace("0.", ".", 1) if abs(value) < 0.995 else text
    return text.replace("-", "−")
