"""The kernels of a convolution: the small image that each of its cells looks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.plots.canvas import DIVERGING, INK, bare
from likeliest.plots.display import Display, attribute
from likeliest.plots.mosaic import mosaic
from likeliest.plots.theta import beside
from likeliest.plots.weights import _scale

Array = npt.NDArray[Any]

COLOURS = 3  # channels, which are taken for red, green and blue


@dataclass(eq=False, repr=False)
class KernelsDisplay(Display):
    """The weights W (H, W, c, q) of a convolution: an image for each of its q cells.

    Of one channel, red where brightness pushes the cell up, blue where down; of three, in their colours, grey being 0;
    of others, a row for each cell with an image for each channel. Kernels along time (k, c, q) are images of c rows.

    Attributes
    ----------
    W : (H, W, c, q) array
        The weights.
    layer : str
        The layer's name in parameter names.

    Examples
    --------
    >>> import likeliest as ll
    >>> from likeliest.plots import KernelsDisplay
    >>> net = ll.Network([ll.Conv2D(8, 3, "relu"), ll.Flatten()], likelihood="bernoulli").build((12, 12), seed=0)
    >>> KernelsDisplay.from_estimator(net).W.shape
    (3, 3, 1, 8)
    """

    W: Array
    layer: str

    def plot(
        self, ax: Any = None, *, max_cells: int | None = None, max_channels: int = 16, **kwargs: Any
    ) -> KernelsDisplay:
        """Draws the kernels.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        max_cells, max_channels : int
            Show at most so many; of more, those with the largest weights. By default 64 cells, and 16 where each has
            several images.
        **kwargs
            For ``Axes.imshow``.

        Returns
        -------
        KernelsDisplay
            Itself.

        Raises
        ------
        ValueError
            When an argument does not fit.
        """
        c, q = self.W.shape[2:]
        max_cells = (64 if c in (1, COLOURS) else 16) if max_cells is None else max_cells
        for argument, value in (("max_cells", max_cells), ("max_channels", max_channels)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{argument}: expected a whole number of at least 1, found {value!r}")
        ax = self._place(ax)
        cells = _strongest(np.linalg.norm(self.W.reshape(-1, q), axis=0), max_cells)
        limit = _scale(self.W[..., cells])
        few = "" if len(cells) == q else f": the {len(cells)} strongest of {q} cells"
        if c == COLOURS:
            whole = mosaic(np.moveaxis(0.5 + 0.5 * np.clip(self.W[..., cells] / limit, -1, 1), -1, 0))
            self.image_ = ax.imshow(np.nan_to_num(whole, nan=1.0), **{"interpolation": "nearest", **kwargs})
            title = f"Kernels of {self.layer}{few}"
        else:
            channels = _strongest(np.linalg.norm(self.W.transpose(2, 0, 1, 3).reshape(c, -1), axis=1), max_channels)
            images = self.W[:, :, channels][..., cells].transpose(3, 2, 0, 1)
            whole = mosaic(images.reshape(-1, *images.shape[2:]), None if c == 1 else len(channels))
            style = {"cmap": DIVERGING, "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
            self.image_ = ax.imshow(whole, **{**style, **kwargs})
            beside(ax, self.image_, "kernels")
            title = f"Kernels of {self.layer}{few}"
            if c > 1:
                most = "" if len(channels) == c else f", the {len(channels)} strongest of {c}"
                title += f"\na row a cell, a column a channel{most}"
        bare(ax)
        ax.set_title(title, color=INK, fontsize=11)
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, layer: str | None = None, ax: Any = None, **kwargs: Any
    ) -> KernelsDisplay:
        """From a fitted estimator (or a pipeline or search that has one), or a Network.

        Parameters
        ----------
        estimator : object with ``network_``, or Network
            Its kernels are drawn.
        layer : str, optional
            The layer's name in parameter names, such as ``"conv2d_2"``; by default the first convolution.
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        **kwargs
            As in `plot`.

        Returns
        -------
        KernelsDisplay

        Raises
        ------
        ValueError
            When there is no such convolution, or it is one of volumes.
        """
        network = estimator if hasattr(estimator, "parameters") else attribute(estimator, "network_")
        steps = [step for step in network.program.steps if step.operation in ("convolution", "transposed_convolution")]
        names = [step.parameters[0].removesuffix(".W") for step in steps]
        if not names:
            raise ValueError("estimator: its network has no convolution; WeightsDisplay draws dense layers")
        chosen = names[0] if layer is None else layer
        if chosen not in names:
            raise ValueError(f"layer: expected one of {', '.join(names)}, found {layer!r}")
        W = np.asarray(network.parameters[f"{chosen}.W"], np.float64)
        if steps[names.index(chosen)].operation == "transposed_convolution":
            W = np.swapaxes(W, -1, -2)  # from the channels that go in to those that come out
        if W.ndim == 3:
            W = W.transpose(1, 0, 2)[:, :, None]  # channels below each other, time to the right
        if W.ndim != 4:
            raise ValueError(f"layer: {chosen} has kernels of {W.ndim - 2} axes, which are no images")
        return cls(W, chosen).plot(ax=ax, **kwargs)


def _strongest(strength: Array, most: int) -> Array:
    """The indices of the largest, in their own order."""
    return np.sort(np.argsort(-strength, kind="stable")[:most])
