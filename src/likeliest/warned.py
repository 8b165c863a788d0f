"""Warnings that point at the line of the caller, however deep in here they come from."""

from __future__ import annotations

import sys
import warnings
from itertools import count
from types import FrameType

INSIDE = {"likeliest", "sklearn", "contextlib"}  # whose frames are passed over; the last two wrap calls of the first


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """As `warnings.warn`, from the nearest line outside of likeliest."""
    frame: FrameType | None = sys._getframe()
    for level in count(1):
        frame = frame.f_back if frame is not None else None
        if frame is None or str(frame.f_globals.get("__name__")).partition(".")[0] not in INSIDE:
            warnings.warn(message, category, stacklevel=level + 1)
            return
