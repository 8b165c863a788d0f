"""The weights of one dense layer by its inputs, on one pair of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.plots.canvas import DIVERGING, INK, TRAIN, bare, framed
from likeliest.plots.display import Display, attribute, inside
from likeliest.plots.mosaic import mosaic
from likeliest.plots.weights import _scale

Array = npt.NDArray[Any]

KINDS = ("heat", "bar", "image")


@dataclass(eq=False, repr=False)
class WeightsDisplay(Display):
    """The weights W (p, q) of a dense layer: a table of colours, a bar for each input, or an image for each cell.

    Attributes
    ----------
    W : (p, q) array
        The weights: from p inputs to q cells.
    layer : str
        The layer's name in parameter names.
    feature_names : list of p str
        What the inputs are called.
    image_shape : (int, int) or None
        Height and width, when the inputs are an image.

    Notes
    -----
    An estimator that standardizes gives its network inputs with a standard deviation of 1, so weights of different
    inputs compare.

    Examples
    --------
    >>> import likeliest as ll
    >>> from likeliest.plots import WeightsDisplay
    >>> net = ll.Network([ll.Dense(3, "tanh")], likelihood=ll.likelihoods.Bernoulli()).build(2, seed=0)
    >>> display = WeightsDisplay.from_estimator(net, feature_names=["age", "height"], kind="bar")
    >>> display.W.shape, display.strength.shape
    ((2, 3), (2,))
    """

    W: Array
    layer: str
    feature_names: list[str]
    image_shape: tuple[int, int] | None = None

    @property
    def strength(self) -> Array:
        """Σ_j |W_ij| of each input i: (p,)."""
        return np.asarray(np.abs(self.W).sum(axis=1))

    def plot(
        self, ax: Any = None, *, kind: str | None = None, max_inputs: int = 30, max_cells: int = 40, **kwargs: Any
    ) -> WeightsDisplay:
        """Draws the weights: red where an input pushes a cell up, blue down.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        kind : {"heat", "bar", "image"}, optional
            W as a table of colours, Σ_j |W_ij| as a bar for each input, largest first, or an image for each cell. By
            default images when there is an ``image_shape``, else the table.
        max_inputs : int
            Name at most so many inputs; of more, the strongest are shown.
        max_cells : int
            Show at most so many cells; of more, the strongest.
        **kwargs
            For ``Axes.barh`` or ``Axes.imshow``.

        Returns
        -------
        WeightsDisplay
            Itself.

        Raises
        ------
        ValueError
            When an argument does not fit.
        """
        kind = ("heat" if self.image_shape is None else "image") if kind is None else kind
        if kind not in KINDS:
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}")
        if kind == "image" and self.image_shape is None:
            raise ValueError(f"kind: images need image_shape=(H, W) with H W = {len(self.W)} inputs")
        for argument, value in (("max_inputs", max_inputs), ("max_cells", max_cells)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{argument}: expected a whole number of at least 1, found {value!r}")
        ax = self._place(ax)
        cells = _strongest(np.abs(self.W).sum(axis=0), max_cells)
        inputs = _strongest(self.strength, max_inputs)
        if kind == "bar":
            self._bars(ax, inputs, kwargs)
        elif kind == "heat":
            self._table(ax, inputs, cells, kwargs)
        else:
            self._mosaic(ax, cells, kwargs)
        return self

    def _bars(self, ax: Any, inputs: Array, kwargs: dict[str, Any]) -> None:
        order = inputs[np.argsort(self.strength[inputs], kind="stable")]
        style = {"color": TRAIN, "height": 0.7}
        self.bars_ = ax.barh(range(len(order)), self.strength[order], **{**style, **kwargs})
        ax.set_yticks(range(len(order)), [_short(self.feature_names[i]) for i in order], fontsize=_size(len(order)))
        ax.set_ylim(-0.6, len(order) - 0.4)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="x", color="#e6e6e6", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.set_xlabel(f"Σ |weight| to the {self.W.shape[1]} cells of {self.layer}")
        self._head(ax, "Weights by input", len(order), len(self.W), "")

    def _table(self, ax: Any, inputs: Array, cells: Array, kwargs: dict[str, Any]) -> None:
        self.image_ = self._imshow(ax, self.W[np.ix_(inputs, cells)], {"aspect": "auto", **kwargs})
        framed(ax)
        ax.set_yticks(range(len(inputs)), [_short(self.feature_names[i]) for i in inputs], fontsize=_size(len(inputs)))
        step = math.ceil(len(cells) / 20)
        ticks = range(0, len(cells), step)
        ax.set_xticks(ticks, [str(cells[j] + 1) for j in ticks], fontsize=8 if len(cells) > 10 else 9)
        few = "" if len(cells) == self.W.shape[1] else f", the {len(cells)} strongest of {self.W.shape[1]}"
        ax.set_xlabel(f"cell of {self.layer}{few}")
        self._head(ax, f"Weights into {self.layer}", len(inputs), len(self.W), " inputs")

    def _mosaic(self, ax: Any, cells: Array, kwargs: dict[str, Any]) -> None:
        images = self.W.T[cells].reshape(len(cells), *(self.image_shape or (1, 1)))
        self.image_ = self._imshow(ax, mosaic(images), kwargs)
        bare(ax)
        self._head(ax, f"Weights into {self.layer}, an image a cell", len(cells), self.W.shape[1], " cells")

    def _imshow(self, ax: Any, values: Array, kwargs: dict[str, Any]) -> Any:
        limit = _scale(values[np.isfinite(values)])
        style = {"cmap": DIVERGING, "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
        image = ax.imshow(values, **{**style, **kwargs})
        beside(ax, image, "weights")
        return image

    def _head(self, ax: Any, title: str, shown: int, total: int, what: str) -> None:
        ax.set_title(
            title if shown == total else f"{title}: the {shown} strongest of {total}{what}", color=INK, fontsize=11
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        layer: str | None = None,
        feature_names: Sequence[str] | None = None,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> WeightsDisplay:
        """From a fitted estimator (or a pipeline or search that has one), or a Network.

        Parameters
        ----------
        estimator : object with ``network_``, or Network
            Its parameters are drawn.
        layer : str, optional
            The layer's name in parameter names; by default the first that has a table W of weights.
        feature_names : sequence of str, optional
            What the layer's inputs are called; by default, for the first layer of an estimator that was fitted to a
            data frame, as its columns are, else 1, 2, ...
        image_shape : (int, int), optional
            Height and width, when the inputs are an image.
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        **kwargs
            As in `plot`.

        Returns
        -------
        WeightsDisplay

        Raises
        ------
        ValueError
            When an argument does not fit the network.
        """
        network = estimator if hasattr(estimator, "parameters") else attribute(estimator, "network_")
        tables = [
            name.removesuffix(".W") for name, W in network.parameters.items() if name.endswith(".W") and W.ndim == 2
        ]
        if not tables:
            raise ValueError("estimator: its network has no dense layer")
        chosen = tables[0] if layer is None else layer
        if chosen not in tables:
            raise ValueError(f"layer: expected one of {', '.join(tables)}, found {layer!r}")
        W = np.asarray(network.parameters[f"{chosen}.W"], np.float64)
        if feature_names is None:
            known = _names_of_inputs(estimator, network)
            suits = len(known) == len(W) and chosen == tables[0]
            names = [str(name) for name in known] if suits else [str(i + 1) for i in range(len(W))]
        else:
            names = [str(name) for name in feature_names]
            if len(names) != len(W):
                raise ValueError(f"feature_names: {chosen} has {len(W)} inputs, found {len(names)} names")
        if image_shape is not None:
            image_shape = (int(image_shape[0]), int(image_shape[1])) if len(image_shape) == 2 else (0, 0)
            if min(image_shape) < 1 or math.prod(image_shape) != len(W):
                raise ValueError(f"image_shape: expected (H, W) with H W = {len(W)} inputs, found {image_shape!r}")
        return cls(W, chosen, names, image_shape).plot(ax=ax, **kwargs)


def beside(ax: Any, image: Any, label: str) -> None:
    """A colour bar to the right of the axes, in place of that of an earlier plot on them."""
    for old in [child for child in ax.child_axes if child.get_label() == label]:
        old.remove()
    # An inset, not figure.colorbar(ax=ax): that would take room from ax again with each plot.
    strip = ax.inset_axes((1.03, 0.0, 0.035, 1.0), label=label)
    bar = ax.figure.colorbar(image, cax=strip)
    bar.outline.set_visible(False)
    strip.tick_params(labelsize=8)


def _names_of_inputs(estimator: Any, network: Any) -> list[str]:
    """Of the first dense layer: the columns' names; a category is as many inputs as its vector has numbers."""
    known = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    inner = estimator
    while inner is not None and not hasattr(inner, "table_"):
        inner = inside(inner)
    if inner is None or not hasattr(inner, "feature_names_in_"):
        return known
    names = list(inner.table_.names_out)
    first = len(names) - len(inner.table_.codes)
    vectors = [network.parameters.get(f"embedding_1.E{j}") for j, _ in inner.table_.codes]
    if any(E is None for E in vectors):
        return names
    return names[:first] + [
        f"{name} {k + 1}" for name, E in zip(names[first:], vectors, strict=True) for k in range(E.shape[1])
    ]


def _strongest(strength: Array, most: int) -> Array:
    """The indices of the largest, in their own order."""
    return np.sort(np.argsort(-strength, kind="stable")[:most])


def _short(name: str) -> str:
    """A name that leaves room for the picture, with both its ends; a dollar sign is no mathematics."""
    return (name if len(name) <= 26 else f"{name[:14]}…{name[-11:]}").replace("$", r"\$")


def _size(lines: int) -> float:
    """The size of type for so many lines in the height of the usual figure."""
    return min(9.0, max(5.5, 250 / max(lines, 1)))
