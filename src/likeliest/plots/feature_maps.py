"""Feature maps: what a layer makes of one image, an image for each of its channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.plots.canvas import DIVERGING, INK, PAPER, bare, framed
from likeliest.plots.display import Display, attribute
from likeliest.plots.mosaic import mosaic
from likeliest.plots.theta import beside

Array = npt.NDArray[Any]

WITH_SPACE = ("convolution", "transposed_convolution")


@dataclass(eq=False, repr=False)
class FeatureMapsDisplay(Display):
    """The values h (H, W, q) of a layer for one example: where each of its q cells finds what it looks for.

    Attributes
    ----------
    h : (H, W, q) array
        The values.
    layer : str
        The layer's name.
    x : array
        The example.

    Examples
    --------
    >>> import numpy as np
    >>> import likeliest as ll
    >>> from likeliest.plots import FeatureMapsDisplay
    >>> net = ll.Network([ll.Conv2D(8, 3, "relu"), ll.Flatten()], likelihood="bernoulli").build((12, 12), seed=0)
    >>> FeatureMapsDisplay.from_estimator(net, np.eye(12)).h.shape
    (10, 10, 8)
    """

    h: Array
    layer: str
    x: Array

    def plot(self, ax: Any = None, *, max_maps: int = 64, **kwargs: Any) -> FeatureMapsDisplay:
        """Draws the maps: dark where a cell is far from 0; where some are below 0, blue for those.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        max_maps : int
            Show at most so many; of more, those with the largest values.
        **kwargs
            For ``Axes.imshow``.

        Returns
        -------
        FeatureMapsDisplay
            Itself.

        Raises
        ------
        ValueError
            When an argument does not fit.
        """
        if isinstance(max_maps, bool) or not isinstance(max_maps, int) or max_maps < 1:
            raise ValueError(f"max_maps: expected a whole number of at least 1, found {max_maps!r}")
        ax = self._place(ax)
        q = self.h.shape[-1]
        strength = np.abs(self.h).reshape(-1, q).max(axis=0)
        shown = np.sort(np.argsort(-strength, kind="stable")[:max_maps])
        maps = np.moveaxis(self.h[..., shown], -1, 0)
        top = float(np.abs(maps).max()) or 1.0
        style: dict[str, Any] = {"cmap": PAPER, "vmin": 0, "vmax": top}
        if maps.min() < 0:
            style = {"cmap": DIVERGING, "vmin": -top, "vmax": top}
        self.image_ = ax.imshow(mosaic(maps), **{**style, "interpolation": "nearest", **kwargs})
        ax.set_facecolor("#dfe6ee")  # between the maps, where white is 0
        beside(ax, self.image_, "maps")
        self._show_x(ax)
        bare(ax)
        few = "" if len(shown) == q else f", the {len(shown)} strongest of {q}"
        H, W = self.h.shape[:2]
        ax.set_title(f"What {self.layer} makes of it: {H} x {W}, a map a channel{few}", color=INK, fontsize=11)
        return self

    def _show_x(self, ax: Any) -> None:
        """The example itself, to the left, where it is an image."""
        for old in [child for child in ax.child_axes if child.get_label() == "x"]:
            old.remove()
        x = np.asarray(self.x, np.float64)
        x = x[..., 0] if x.ndim == 3 and x.shape[-1] == 1 else x
        if x.ndim != 2 and x.shape[2:] != (3,):
            return
        left = ax.inset_axes((-0.3, 0.0, 0.25, 1.0), label="x")
        low, high = float(x.min()), float(x.max())
        shown = (x - low) / ((high - low) or 1.0)
        left.imshow(shown, cmap=PAPER, vmin=0, vmax=1, interpolation="nearest")
        framed(left)
        left.set_title("x", fontsize=9, color=INK)

    @classmethod
    def from_estimator(
        cls, estimator: Any, x: Any, *, layer: str | None = None, ax: Any = None, **kwargs: Any
    ) -> FeatureMapsDisplay:
        """From a fitted estimator (or a pipeline or search that has one), or a Network.

        Parameters
        ----------
        estimator : object with ``network_``, or Network
            It is given the example.
        x : array
            One example: an image (H, W) or (H, W, c), or (1, ...).
        layer : str, optional
            The layer's name, such as ``"conv2d_2"`` or ``"max_pool2d_1"``; by default the first convolution.
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        **kwargs
            As in `plot`.

        Returns
        -------
        FeatureMapsDisplay

        Raises
        ------
        ValueError
            When there is no such layer, its values are no images, or the example is not one of the network's.
        """
        network = estimator if hasattr(estimator, "parameters") else attribute(estimator, "network_")
        program = network.program
        values: dict[str, str] = {}  # the last value of each layer that has images
        first = None
        for step in program.steps:
            name = step.output.rpartition(".")[0]
            if len(program.values[step.output]) == 3:
                values[name] = step.output
                first = first or (name if step.operation in WITH_SPACE else None)
        chosen = (first or next(iter(values), None)) if layer is None else layer
        if chosen not in values:
            there = f"expected one of {', '.join(values)}" if values else "no layer of this network has images"
            raise ValueError(f"layer: {there}, found {layer!r}")
        x = np.asarray(x)
        if x.shape == program.input_shape:
            x = x[None]
        if x.shape != (1, *program.input_shape):
            raise ValueError(f"x: expected one example of shape {program.input_shape}, found {x.shape}")
        h = np.asarray(network.trace(x).values[values[chosen]][0])
        return cls(h, chosen, x[0]).plot(ax=ax, **kwargs)
