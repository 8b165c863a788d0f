"""CSVLog: a table that any spreadsheet opens, a row an epoch."""

from __future__ import annotations

import os

from likeliest.callbacks.base import FIELDS, EpochCallback, record
from likeliest.callbacks.lines import append, checked, first_line
from likeliest.fit import Epoch

HEADER = ",".join(FIELDS)


class CSVLog(EpochCallback):
    """Writes a row to a CSV file after each epoch.

    The columns are epoch, seconds, log_likelihood, validation_log_likelihood and learning_rate, as in `Epoch`; a cell
    is empty where there is nothing to say: without validation data, at an epoch without a look at them, for an
    optimizer that chooses its steps itself. Each row is in the file before the fit goes on. A file that is there is
    continued, as a fit is; where a fit was taken up again at an earlier epoch, the last row of an epoch counts.

    Parameters
    ----------
    path : str or path
        The file.

    Raises
    ------
    ValueError
        When the file that is there has other columns.
    OSError
        When it cannot be written.

    Examples
    --------
    >>> import tempfile, likeliest as ll
    >>> from pathlib import Path
    >>> net = ll.Network([], likelihood="bernoulli")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = ll.callbacks.CSVLog(f"{folder}/log.csv")
    ...     history = net.fit([[0.0], [1.0]], [0, 1], epochs=2, callbacks=[log])
    ...     lines = Path(folder, "log.csv").read_text().splitlines()
    >>> lines[0], len(lines)
    ('epoch,seconds,log_likelihood,validation_log_likelihood,learning_rate', 3)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = checked(path)
        self._check()

    def __repr__(self) -> str:
        return f"CSVLog({str(self.path)!r})"

    def _check(self) -> bool:
        """Whether the file has its header; a ValueError if it has another one."""
        found = first_line(self.path)
        if found is not None and found != HEADER:
            raise ValueError(
                f"path: {str(self.path)!r} begins with {found!r} instead of {HEADER!r}; choose another name"
            )
        return found is not None

    def __call__(self, epoch: Epoch) -> None:
        """Adds a row."""
        row = ",".join("" if value is None else repr(value) for value in record(epoch).values())
        append(self.path, row if self._check() else f"{HEADER}\n{row}", lambda text: False)
