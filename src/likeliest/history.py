"""History: what happened while a network was fitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """One number an epoch, and how it ended.

    Attributes
    ----------
    log_likelihood : list of float
        The mean log-likelihood per training example, over the minibatches of the epoch as θ moved through them.
    validation_log_likelihood : list of float
        The mean log-likelihood per validation example after each epoch, NaN where no look was taken; empty without
        validation data.
    seconds : list of float
        How long each epoch's training took, without validation and callbacks.
    first_epoch : int
        The number of epochs the network had seen before this fit.
    stopped : str
        Why it ended: ``"finished"``, ``"early stopping"``, ``"callback"`` or ``"interrupted"``.
    best_epoch : int or None
        With early stopping, the index into the lists of the epoch whose θ was kept.
    seed : int
        The seed that gave the order of the examples.
    examples : int
        How many training examples there were.
    """

    log_likelihood: list[float] = field(default_factory=list)
    validation_log_likelihood: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    first_epoch: int = 0
    stopped: str = "finished"
    best_epoch: int | None = None
    seed: int = 0
    examples: int = 0

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.log_likelihood)

    def add(self, log_likelihood: float, validation: float | None, seconds: float) -> None:
        """Takes an epoch down."""
        self.log_likelihood.append(log_likelihood)
        if validation is not None:
            self.validation_log_likelihood.append(validation)
        self.seconds.append(seconds)

    def plot(self, ax: Any = None) -> Any:
        """Draws the learning curve and returns its matplotlib axes; needs ``pip install 'likeliest[plots]'``."""
        from likeliest import plots

        return plots.learning_curve(self, ax=ax)

    def __repr__(self) -> str:
        if not self.epochs:
            return f"History(epochs=0, stopped={self.stopped!r})"
        validation = (
            f", validation_log_likelihood={self.validation_log_likelihood[-1]:.4g}"
            if self.validation_log_likelihood
            else ""
        )
        return (
            f"History(epochs={self.epochs}, log_likelihood={self.log_likelihood[-1]:.4g}{validation}, "
            f"seconds={sum(self.seconds):.3g}, stopped={self.stopped!r})"
        )
