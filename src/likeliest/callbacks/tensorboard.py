"""TensorBoard: event files, which the program ``tensorboard`` draws while the fit runs."""

from __future__ import annotations

import operator
import os
import secrets
import socket
import time
from pathlib import Path
from typing import Any

from likeliest.callbacks.base import EpochCallback, record
from likeliest.fit import Epoch

# tensorboard.summary.Writer writes scalars only, from a thread of its own that somebody has to end. Here such records
# go to a file that is open for as long as that takes: a kill loses nothing, and pickling and fork do no harm.


class TensorBoard(EpochCallback):
    """Writes what an epoch brought to a folder that ``tensorboard --logdir`` shows; needs ``likeliest[tensorboard]``.

    Scalars ``log_likelihood/train``, ``log_likelihood/validation`` (at epochs with a look), ``learning_rate`` and
    ``seconds``, and a histogram of each parameter by layer, ``dense_1/W``. The step is the number of the epoch.
    TensorBoard takes a folder for one run: give each run its own, and the same one to a fit that goes on, which adds a
    file to it. TensorFlow is not needed.

    Parameters
    ----------
    folder : str or path
        The run's folder; it is made if it is not there.
    histograms : int
        After how many epochs the parameters are drawn; 0 for never.

    Raises
    ------
    ImportError
        When tensorboard is missing: ``pip install "likeliest[tensorboard]"``.
    ValueError
        When an argument is none of these.
    OSError
        When the folder cannot be written to.

    Examples
    --------
    >>> import tempfile, likeliest as ll
    >>> net = ll.Network([ll.Dense(3)], likelihood="bernoulli")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     board = ll.callbacks.TensorBoard(f"{folder}/runs/first")
    ...     history = net.fit([[0.0], [1.0]], [0, 1], epochs=2, callbacks=[board])
    """

    def __init__(self, folder: str | os.PathLike[str], *, histograms: int = 1) -> None:
        _tensorboard()
        try:
            self.histograms = operator.index(histograms)
        except TypeError:
            self.histograms = -1
        if self.histograms < 0 or isinstance(histograms, bool):
            raise ValueError(f"histograms: expected a number of epochs, or 0 for none, found {histograms!r}")
        self.folder = Path(folder).expanduser().absolute()
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"folder: expected a folder, but {str(folder)!r} is a file")
        self.folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "cannot write there", str(self.folder))
        place = f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"
        self.path = self.folder / f"events.out.tfevents.{int(time.time()):010d}.{place}"

    def __repr__(self) -> str:
        return f"TensorBoard({str(self.folder)!r}{f', histograms={self.histograms}' * (self.histograms != 1)})"

    def __call__(self, epoch: Epoch) -> None:
        """Adds the epoch's numbers and, if it is their turn, the parameters."""
        board = _tensorboard()
        fields = record(epoch)
        summaries = [
            board.scalar(tag, fields[name])
            for tag, name in (
                ("log_likelihood/train", "log_likelihood"),
                ("log_likelihood/validation", "validation_log_likelihood"),
                ("learning_rate", "learning_rate"),
                ("seconds", "seconds"),
            )
            if fields[name] is not None
        ]
        if self.histograms and epoch.number % self.histograms == 0:
            for name, value in epoch.network.parameters.items():
                summaries.append(board.histogram(name.replace(".", "/"), value))
        events = [board.Event(step=epoch.number, summary=summary) for summary in summaries]
        if not self.path.exists():
            events.insert(0, board.Event(file_version="brain.Event:2"))
        now = time.time()
        with self.path.open("ab") as file:
            writer = board.RecordWriter(file)
            for event in events:
                event.wall_time = now
                writer.write(event.SerializeToString())


class _Board:
    """What is needed of tensorboard."""

    def __init__(self) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.plugins.histogram.summary_v2 import histogram_pb
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb
        from tensorboard.summary.writer.record_writer import RecordWriter

        self.Event: Any = Event
        self.RecordWriter: Any = RecordWriter
        self.histogram: Any = histogram_pb
        self.scalar: Any = scalar_pb


def _tensorboard() -> _Board:
    """The package, or an ImportError that says how to install it."""
    try:
        return _Board()
    except ImportError as error:
        raise ImportError(
            f'callbacks.TensorBoard needs the package tensorboard ({error}): pip install "likeliest[tensorboard]"'
        ) from None
