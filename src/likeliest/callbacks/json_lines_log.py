"""JSONLinesLog: a JSON object a line, an epoch a line, for programs to read."""

from __future__ import annotations

import json
import math
import os

from likeliest.callbacks.base import EpochCallback, record
from likeliest.callbacks.lines import append, checked, first_line
from likeliest.fit import Epoch


class JSONLinesLog(EpochCallback):
    """Writes a line of JSON after each epoch, with the fields that `CSVLog` has.

    What there is nothing to say of is null, and so is what JSON has no number for, an infinity. Each line is in the
    file before the fit goes on. A file that is there is continued, as a fit is.

    Parameters
    ----------
    path : str or path
        The file.

    Raises
    ------
    ValueError
        When the file that is there begins with something else.
    OSError
        When it cannot be written.

    Examples
    --------
    >>> import json, tempfile, likeliest as ll
    >>> from pathlib import Path
    >>> net = ll.Network([], likelihood="bernoulli")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = ll.callbacks.JSONLinesLog(f"{folder}/log.jsonl")
    ...     history = net.fit([[0.0], [1.0]], [0, 1], epochs=2, callbacks=[log])
    ...     rows = [json.loads(line) for line in Path(folder, "log.jsonl").read_text().splitlines()]
    >>> [row["log_likelihood"] for row in rows] == history.log_likelihood
    True
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = checked(path)
        found = first_line(self.path)
        if found is not None and not _is_object(found):
            raise ValueError(
                f"path: {str(self.path)!r} begins with {found[:60]!r}, which is no JSON object; choose another name"
            )

    def __repr__(self) -> str:
        return f"JSONLinesLog({str(self.path)!r})"

    def __call__(self, epoch: Epoch) -> None:
        """Adds a line."""
        fields = {
            name: None if value is None or not math.isfinite(value) else value for name, value in record(epoch).items()
        }
        append(self.path, json.dumps(fields), _is_object)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
