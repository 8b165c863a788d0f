"""Examples as they are, and as training sees them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from likeliest.augmentation import preview
from likeliest.plots.canvas import FAINT, INK, PAPER, framed, new_figure
from likeliest.plots.display import Display, finite

Array = npt.NDArray[Any]

SIDE = 0.95  # inches of a picture


class AugmentationDisplay(Display):
    """Images in a row each: first as they are, then some of what augmentation makes of them.

    Parameters
    ----------
    originals : (m, H, W) or (m, H, W, c) array
        The images; with colours for c of 3 or 4, else the first channel.
    augmented : (m, n, H, W) or (m, n, H, W, c) array
        n versions of each, as `likeliest.augmentation.preview` gives them.

    Raises
    ------
    ValueError
        When they are no images, or not versions of each other.

    Examples
    --------
    >>> import numpy as np
    >>> import likeliest as ll
    >>> from likeliest import plots
    >>> images = np.random.default_rng(0).random((2, 8, 8))
    >>> augment = [ll.augmentation.Shift(1), ll.augmentation.Rotate(15)]
    >>> plots.AugmentationDisplay.from_images(augment, images, n=3).augmented.shape
    (2, 3, 8, 8)
    """

    def __init__(self, originals: Any, augmented: Any) -> None:
        self.originals, self.augmented = np.asarray(originals), np.asarray(augmented)
        if self.originals.ndim not in (3, 4) or len(self.originals) == 0:
            raise ValueError(f"originals: expected images (m, H, W) or (m, H, W, c), found {self.originals.shape}")
        m, *shape = self.originals.shape
        if self.augmented.shape != (m, *self.augmented.shape[1:2], *shape) or self.augmented.shape[1] == 0:
            raise ValueError(
                f"augmented: expected shape ({m}, n, {', '.join(map(str, shape))}), found {self.augmented.shape}"
            )
        finite(self.originals, "originals"), finite(self.augmented, "augmented")

    @classmethod
    def from_images(cls, augment: Any, X: Any, *, n: int = 8, seed: int = 0, ax: Any = None) -> Self:
        """Augments images and draws them.

        Parameters
        ----------
        augment : sequence of Augmentation
            As in `Network.fit`.
        X : (m, H, W) or (m, H, W, c) array
            A few images.
        n : int
            How many versions of each.
        seed : int
            Where the random numbers come from.
        ax : matplotlib axes, optional
            Where to draw; new ones by default.

        Returns
        -------
        AugmentationDisplay

        Raises
        ------
        ImportError
            When matplotlib is not installed.
        ValueError
            When an augmentation is not for such images.
        """
        X = np.asarray(X)
        display = cls(X, preview(augment, X, n=n, seed=seed))
        display.plot(ax=ax)
        return display

    def plot(self, *, ax: Any = None) -> Self:
        """Draws the images, all on the same scale from dark to light.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; new ones by default.

        Returns
        -------
        AugmentationDisplay
            Itself.
        """
        m, n, H, W = self.augmented.shape[:4]
        gap = max(1, round(0.08 * W))
        if ax is None:
            figure = new_figure((n + 1.4) * SIDE, m * SIDE * H / W + 0.5)
            ax = figure.add_subplot()
            ax._repr_png_ = figure._repr_png_
        self._place(ax)
        everything = np.concatenate([self.originals[:, None], self.augmented], axis=1)
        colours = everything.ndim == 5 and everything.shape[-1] in (3, 4)
        if everything.ndim == 5 and not colours:
            everything = everything[..., 0]
        low, high = float(everything.min()), float(everything.max())
        high = high if high > low else low + 1
        for i in range(m):
            for j in range(n + 1):
                left = j * (W + gap) + (2 * gap if j else 0)  # the original stands apart
                top = i * (H + gap)
                image = everything[i, j]
                if colours:
                    image = (image.astype(np.float64) - low) / (high - low)
                ax.plot(*_outline(left, top, W, H), color="#cccccc", linewidth=0.6)
                ax.imshow(
                    image,
                    cmap=PAPER,
                    vmin=low,
                    vmax=high,
                    interpolation="nearest",
                    extent=(left, left + W, top + H, top),
                )
        ax.set(xlim=(-0.5, (n + 1) * (W + gap) + gap), ylim=(m * (H + gap), -0.5), aspect="equal")
        framed(ax)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_title("augmented", fontsize=10, color=INK)
        ax.set_title("as it is", fontsize=10, color=FAINT, loc="left")
        return self


def _outline(left: float, top: float, width: float, height: float) -> tuple[list[float], list[float]]:
    """The corners of a rectangle and the first again, by x and by y."""
    right, bottom = left + width, top + height
    return [left, right, right, left, left], [top, top, bottom, bottom, top]
