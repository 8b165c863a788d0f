"""From the seconds of each round to a median, a spread and a ratio."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """The middle and the ends of a list of figures."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: list[float]) -> Summary:
        """The summary of ``figures``, in whatever unit they are."""
        return cls(statistics.median(figures), min(figures), max(figures))


def ratio(seconds: list[float], reference: list[float]) -> Summary:
    """How many times the reference's time: one ratio per round, so that both have seen the same machine."""
    return Summary.of([a / b for a, b in zip(seconds, reference, strict=True)])


def mean_and_error(figures: list[float]) -> tuple[float, float]:
    """The mean and its standard error; of a single figure the error is not known, NaN."""
    error = statistics.stdev(figures) / math.sqrt(len(figures)) if len(figures) > 1 else math.nan
    return statistics.fmean(figures), error
