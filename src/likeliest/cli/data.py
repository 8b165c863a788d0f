"""Data as it was read from a file: a table with named columns, or an array of examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Data:
    """What a file or a folder holds; either ``frame``, or ``X`` and perhaps ``y``.

    Attributes
    ----------
    source : str
        What the user called it.
    frame : polars.DataFrame or None
        The table (n rows).
    text : bool
        Whether the table's values are all text still, as in CSV, so that their types have to be guessed.
    mark : str
        The decimal one of numbers in text: ``"."`` or ``","``, or ``""`` where columns differ.
    X : (n, ...) array or None
        The examples.
    y : (n,) array or None
        What is known of each.
    files : tuple of str or None
        The images that X was read from.
    notes : tuple of str
        What the user should know about how it was read.
    """

    source: str
    frame: polars.DataFrame | None = None
    text: bool = False
    mark: str = "."
    X: Array | None = None
    y: Array | None = None
    files: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        if self.frame is not None:
            return self.frame.height
        return 0 if self.X is None else len(self.X)

    def rows(self, which: Any) -> Data:
        """Some rows: a mask (n,) or indices."""
        which = np.asarray(which)
        if which.dtype == bool:
            which = np.flatnonzero(which)
        return Data(
            self.source,
            None if self.frame is None else self.frame[which],
            self.text,
            self.mark,
            None if self.X is None else self.X[which],
            None if self.y is None else self.y[which],
            None if self.files is None else tuple(self.files[i] for i in which),
            self.notes,
        )
