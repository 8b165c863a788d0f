"""The same split fitted by each estimator in turn, A B C, A B C, …, while the others sleep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.children import Child, ChildError

Figures = dict[str, list[dict[str, Any]]]
"""By peer, what it answered for each split."""


def in_turn(running: list[Child], name: str, splits: Iterable[int], failed: dict[str, str]) -> Figures:
    """Fits every split of a data set; a peer that fails leaves ``running``, and why goes into ``failed``."""
    figures: Figures = {child.peer: [] for child in running}
    for split in splits:
        for child in list(running):
            try:
                figures[child.peer].append(child.ask(f"fit {name} {split}"))
            except ChildError as error:
                failed[child.peer] = str(error)
                running.remove(child)
                child.close()
                del figures[child.peer]  # A mean over some of the splits would not compare.
    return figures
