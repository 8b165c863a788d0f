"""Preview: what a network is shown, as an array to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.augmentation.composition import compose, mix

Array = npt.NDArray[Any]


def preview(augment: Any, X: Any, *, n: int = 8, seed: int = 0, axes: int = 2) -> Array:
    """Some versions of each example, as training would draw them.

    Parameters
    ----------
    augment : sequence of Augmentation
        As in `Network.fit`.
    X : (m, H, W) or (m, H, W, c) array
        A few examples; (m, T, c) with ``axes=1``. `Mixup` mixes each with the next one of them.
    n : int
        How many versions of each.
    seed : int
        Where the random numbers come from.
    axes : int
        How many axes of space the examples have: 2 for images, 1 for series.

    Returns
    -------
    (m, n, H, W) or (m, n, H, W, c) array
        Of X's type; whole numbers are rounded and kept within it.

    Raises
    ------
    ValueError
        When an augmentation is not for such examples.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.augmentation import Rotate, Shift, preview
    >>> X = np.random.default_rng(0).random((3, 28, 28))
    >>> preview([Shift(2), Rotate(15)], X, n=5).shape
    (3, 5, 28, 28)
    """
    X = np.asarray(X)
    if X.ndim < 2 or X.dtype.kind not in "biuf" or X.size == 0:
        raise ValueError(f"X: expected images (m, H, W) or (m, H, W, c), found shape {X.shape} of {X.dtype}")
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"n: expected a whole number of at least 1, found {n!r}")
    composition = compose(augment, X.shape[1:], axes)
    versions = []
    for t in range(1, n + 1):
        x = X.astype(np.float64)
        if composition is not None:
            x = composition.forward(x, seed, t)
            shares = composition.shares(seed, t, np.array([0, len(X)]))
            x = x if shares is None else mix(x, shares)
        if X.dtype.kind in "iu":
            limits = np.iinfo(X.dtype)
            x = np.clip(np.rint(x), limits.min, limits.max)
        versions.append((x >= 0.5 if X.dtype.kind == "b" else x).astype(X.dtype))
    return np.stack(versions, axis=1)
