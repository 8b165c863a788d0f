"""Composition: all augmentations of a fit, checked against the shape of the examples, as one function of (seed, step).

What moves an example is made one map of places, and the example is resampled once. The random numbers are those of the
stream (seed, purpose, place in the list, step), row by row of the minibatch, so they depend on nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import random
from likeliest.augmentation.base import Affine, Array, Augmentation, Part, identities
from likeliest.augmentation.cutout import Cutout
from likeliest.augmentation.elastic import Elastic
from likeliest.augmentation.mixup import Mixup
from likeliest.augmentation.resampling import resample


@dataclass(frozen=True)
class Composition:
    """Augmentations for examples of (H, W, c); a series is an image of one row, and a table mixes only.

    Attributes
    ----------
    augmentations : tuple of Augmentation
        In the order in which they were given, which is that of the maps.
    shape : (int, int, int)
        H, W, c.
    axes : int
        How many of H and W are the user's.
    fill : float or None
        What is outside of an example; None for its nearest pixel.
    """

    augmentations: tuple[Augmentation, ...]
    shape: tuple[int, int, int]
    axes: int
    fill: float | None

    @property
    def parts(self) -> list[tuple[int, Part]]:
        """Those that change each example by itself, with their places in the list."""
        return [(k, part) for k, part in enumerate(self.augmentations) if isinstance(part, Part)]

    def forward(self, x: Array, seed: int, t: int, first: int = 0) -> Array:
        """The examples of a minibatch, from its row ``first`` on, each changed by itself at step t: (n, ...) alike."""
        n = len(x)
        images = np.asarray(x, np.float64).reshape(n, *self.shape)
        maps, displacements = identities(n), None

        def words(k: int, numbers: int) -> Any:
            """So many random words for each example."""
            return random.words(random.stream(seed, random.AUGMENTATION, k, t), (n, numbers), first)

        for k, part in self.parts:
            if isinstance(part, Affine):
                own = part.maps(words(k, part.numbers), self.axes)
                # source = A (A' place + b') + b
                shift = maps[:, :, :2] @ own[:, :, 2:] + maps[:, :, 2:]
                maps = np.concatenate([maps[:, :, :2] @ own[:, :, :2], shift], axis=2)
            elif isinstance(part, Elastic):
                places = words(k, 2 * self.shape[0] * self.shape[1]).reshape(n, 2, *self.shape[:2])
                own = part.displacements(places, self.axes)
                displacements = own if displacements is None else displacements + own
        if any(isinstance(part, Affine | Elastic) for _, part in self.parts):
            images = resample(images, maps, displacements, self.fill)
        for k, part in self.parts:
            if isinstance(part, Cutout):
                images = part.cover(images, words(k, 2), self.axes)
        return np.asarray(images.reshape(x.shape), x.dtype)

    def shares(self, seed: int, t: int, bounds: npt.NDArray[np.int64]) -> npt.NDArray[np.float64] | None:
        """λ of every example of the minibatches t, t + 1, … that begin at ``bounds``, (m,); None without Mixup."""
        for k, mixup in enumerate(self.augmentations):
            if isinstance(mixup, Mixup):
                steps = np.arange(t, t + len(bounds) - 1, dtype=np.uint64)
                stream = random.stream(seed, random.AUGMENTATION, k)
                keys = random.threefry(stream, steps.astype(np.uint32), (steps >> np.uint64(32)).astype(np.uint32))
                sizes = np.diff(bounds)
                row = (np.arange(bounds[-1]) - np.repeat(bounds[:-1], sizes)).astype(np.uint32)
                key = (np.repeat(keys[0], sizes), np.repeat(keys[1], sizes))
                u, v = ((w.astype(np.float64) + 0.5) * 2.0**-32 for w in random.threefry(key, row, np.zeros_like(row)))
                return mixup.shares(u, v)
        return None


def mix(a: Array, shares: Array) -> Array:
    """λ a_i + (1 − λ) a_{i+1}, the last with the first: (n, ...), (n,) -> (n, ...)."""
    share = shares.reshape(-1, *[1] * (a.ndim - 1))
    return np.asarray(share * a + (1 - share) * np.roll(a, -1, axis=0), a.dtype)


def check(augment: Any) -> tuple[Augmentation, ...]:
    """What a user gave as ``augment``: None, one augmentation or several.

    Raises
    ------
    ValueError
        When it is something else.
    """
    if augment is None:
        return ()
    found = (augment,) if isinstance(augment, Augmentation) else augment
    if not isinstance(found, Sequence) or isinstance(found, str | bytes):
        raise ValueError(f"augment: expected a list of likeliest.augmentation, such as [Shift(2)], found {augment!r}")
    for one in found:
        if not isinstance(one, Augmentation):
            raise ValueError(f"augment: expected likeliest.augmentation, such as Shift(2), found {one!r} in the list")
    if sum(isinstance(one, Mixup) for one in found) > 1:
        raise ValueError("augment: expected Mixup once, found it several times")
    fills = {_fill(one): one for one in found if _fill(one) is not None}
    if len(fills) > 1:
        one, other, *_ = fills.values()
        raise ValueError(
            f"augment: {one!r} and {other!r} have different fills, but an example is moved all at once; give one"
        )
    return tuple(found)


def compose(augment: Any, shape: tuple[int, ...], axes: int | None = None) -> Composition | None:
    """The augmentations for examples of a shape; None without any.

    Parameters
    ----------
    augment : sequence of Augmentation, Augmentation or None
        What the user gave.
    shape : tuple of int
        Of one example: (H, W), (H, W, c), or with ``axes=1`` (T,) or (T, c).
    axes : int, optional
        How many axes of space there are; 2 by default.

    Raises
    ------
    ValueError
        When one of them is not for such examples.
    """
    augmentations = check(augment)
    if not augmentations:
        return None
    parts = [part for part in augmentations if isinstance(part, Part)]
    if not parts:
        return Composition(augmentations, (1, 1, math.prod(shape)), 2, 0.0)
    axes = 2 if axes is None else axes
    if len(shape) == 1 and axes != 1:
        raise ValueError(
            f"augment: {parts[0]!r} is for images (n, H, W) or (n, H, W, c), found examples of shape {shape}; "
            "reshape X, e.g. X.reshape(-1, 28, 28), or use Mixup, which tables can have"
        )
    if axes not in (1, 2) or len(shape) - axes not in (0, 1):
        raise ValueError(
            f"augment: {parts[0]!r} is for images (n, H, W) or (n, H, W, c) and series (n, T, c), found examples of "
            f"shape {shape}; Mixup is for all"
        )
    for part in parts:
        part.constants(axes)
    fill = next((_fill(part) for part in parts if _fill(part) is not None), 0.0)
    space = (1,) * (2 - axes) + shape[:axes]
    return Composition(
        augmentations,
        (space[0], space[1], math.prod(shape[axes:])),
        axes,
        None if isinstance(fill, str) else float(fill),
    )


def _fill(one: Augmentation) -> Any:
    """What a part that moves an example says of what is outside; None for nothing."""
    return None if isinstance(one, Cutout) else getattr(one, "fill", None)
