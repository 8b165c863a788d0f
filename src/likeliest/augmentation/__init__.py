"""Augmentation: examples that are changed at random while a network is fitted, so that it learns what does not matter.

A description is frozen and says what may happen to an example. It is drawn anew for each example of each minibatch,
from (seed, step, place in the minibatch) alone, and never at validation or prediction. `Shift`, `Rotate`, `Scale`,
`Shear`, `Flip` and `Elastic` together move an example once; `Cutout` covers a part of it, `Mixup` mixes two.
"""

from likeliest.augmentation.base import Affine, Augmentation, Part
from likeliest.augmentation.composition import Composition, check, compose, mix
from likeliest.augmentation.cutout import Cutout
from likeliest.augmentation.elastic import Elastic
from likeliest.augmentation.flip import Flip
from likeliest.augmentation.mixup import Mixup
from likeliest.augmentation.preview import preview
from likeliest.augmentation.rotate import Rotate
from likeliest.augmentation.scale import Scale
from likeliest.augmentation.shear import Shear
from likeliest.augmentation.shift import Shift

__all__ = [
    "Affine",
    "Augmentation",
    "Composition",
    "Cutout",
    "Elastic",
    "Flip",
    "Mixup",
    "Part",
    "Rotate",
    "Scale",
    "Shear",
    "Shift",
    "check",
    "compose",
    "mix",
    "preview",
]
