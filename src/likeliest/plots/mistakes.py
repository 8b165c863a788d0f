"""The misread examples, with what the network believed."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest.plots.anatomy import as_image_shape, is_bernoulli, output_names
from likeliest.plots.canvas import FAINT, INK, PAPER, framed, new_figure, probability

if TYPE_CHECKING:
    from likeliest.network import Network

Array = npt.NDArray[Any]

WRONG = "#b2182b"


def misread(
    network: Network,
    images: Any,
    labels: Any,
    *,
    max_images: int = 40,
    class_names: Any = None,
    image_shape: tuple[int, int] | None = None,
) -> Any:
    """Draws the examples that the network gets wrong, the worst first, each with ŷ and the truth.

    When it gets none wrong, the ones it doubts most are drawn instead, and the title says so.

    Parameters
    ----------
    network : Network
        Fitted.
    images : (n, ...) array
        The examples, as images or as the rows of numbers that the network takes.
    labels : (n,) array
        Their classes.
    max_images : int
        Draw at most so many.
    class_names : sequence, optional
        What the classes are called, 0, 1, ... by default.
    image_shape : (int, int), optional
        Height and width; by default the images' own, or a square.

    Returns
    -------
    matplotlib figure

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When an argument does not fit the network, or the examples are no images.

    Examples
    --------
    >>> import numpy as np
    >>> import likeliest as ll
    >>> from likeliest import plots
    >>> net = ll.Network([ll.Dense(3, "logistic")], likelihood=ll.likelihoods.Bernoulli()).build(16, seed=0)
    >>> figure = plots.misread(net, np.ones((2, 4, 4)), [0, 1])
    >>> figure.get_suptitle()
    '1 of 2 misread'
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if isinstance(max_images, bool) or not isinstance(max_images, int) or max_images < 1:
        raise ValueError(f"max_images: expected a whole number of at least 1, found {max_images!r}")
    if len(images) == 0:
        raise ValueError("images: there are none")
    names = output_names(network, class_names)
    if image_shape is None and images.ndim == 3:
        image_shape = (images.shape[1], images.shape[2])
    shape = as_image_shape(network, image_shape)
    if shape is None:
        raise ValueError(f"image_shape: examples of shape {network.program.input_shape} need it to be drawn")
    X = images.reshape(len(images), *network.program.input_shape)
    log_likelihood = network.log_likelihood(X, labels, per_example=True)
    probabilities = network.predict_proba(X)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    if len(wrong):
        shown = wrong[np.argsort(log_likelihood[wrong], kind="stable")][:max_images]
        title = f"{len(wrong):,} of {len(labels):,} misread".replace(",", " ")
        title += f"; the {len(shown)} worst" if len(shown) < len(wrong) else ""
    else:
        shown = np.argsort(probabilities.max(axis=1), kind="stable")[: min(max_images, 10)]
        few = "the one doubted most" if len(shown) == 1 else f"the {len(shown)} doubted most"
        title = f"None of {len(labels)} misread; {few}"
    return _grid(network, X[shown].reshape(-1, *shape), labels[shown], probabilities[shown], names, title)


def _grid(network: Network, images: Array, labels: Array, probabilities: Array, names: list[str], title: str) -> Any:
    n = len(images)
    across = min(n, 5 if n <= 10 else 8 if n <= 24 else 10)
    down = math.ceil(n / across)
    side = 1.15
    tallness = images.shape[1] / images.shape[2]
    figure = new_figure(max(4.2, across * (side + 0.12)), down * (side * tallness + 0.5) + 0.55)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    top = float(images.max()) or 1.0
    for ax, image, label, p in zip(axes, images, labels, probabilities, strict=False):
        ax.imshow(image, cmap=PAPER, vmin=0, vmax=top, interpolation="nearest")
        said = int(p.argmax())
        framed(ax, *((WRONG, 1.2) if said != label else ()))
        if is_bernoulli(network):
            belief = f"ŷ = {probability(p[1])}"
        else:
            second = int(np.argsort(p)[-2])
            belief = f"{names[said]}: {probability(p[said])}"
            belief += f"  {names[second]}: {probability(p[second])}" if p[second] >= 0.005 else ""
        ax.set_title(belief, fontsize=8.5, color=INK, pad=3)
        ax.set_xlabel(f"is {names[label]}", fontsize=8.5, color=WRONG if said != label else FAINT, labelpad=2)
    for ax in axes[n:]:
        ax.remove()
    figure.suptitle(title, fontsize=12, color=INK)
    if not is_bernoulli(network):
        note = "above each, the likeliest classes with their probabilities; below, the truth"
        figure.supxlabel(textwrap.fill(note, max(36, 9 * across)), fontsize=8.5, color=FAINT)
    return figure
