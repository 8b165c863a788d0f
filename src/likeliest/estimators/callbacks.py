"""scikit-learn's callbacks (from its version 1.9 on), told of every epoch; with an older version there are none."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from likeliest.callbacks import EpochCallback
from likeliest.fit import Epoch

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
    from sklearn.callback import with_callbacks as with_callbacks
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef, unused-ignore]
        """Nothing to support."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:  # type: ignore[misc, unused-ignore]
        """The method itself."""
        return method


class Hooks:
    """Tells the callbacks of one estimator of a fit and of its epochs, each a task below it.

    Parameters
    ----------
    estimator : estimator
        That is being fitted.
    epochs : int
        How many there will be at most.
    data : dict
        X, y and metadata as the user gave them.
    state : function
        From the network to the attributes with which the estimator can predict.
    """

    def __init__(
        self, estimator: Any, epochs: int, data: dict[str, Any], state: Callable[[Any], dict[str, Any]]
    ) -> None:
        self.estimator, self.data, self.state = estimator, data, state
        self.of_epochs = [one for one in getattr(estimator, "_skl_callbacks", ()) if isinstance(one, EpochCallback)]
        self.fit: Any = None
        self.epoch: Any = None
        if getattr(estimator, "_skl_callbacks", None) or hasattr(estimator, "_parent_callback_ctx"):
            self.fit = estimator._init_callback_context(max_subtasks=epochs)
            self.fit.call_on_fit_task_begin(estimator=estimator, **data)

    @property
    def of_network(self) -> tuple[Callable[[Epoch], bool], ...]:
        """What ``Network.fit`` is to call after each epoch."""
        if self.fit is None or not self.fit._callbacks:
            return ()
        self._begin()
        return (self._end,)

    def _begin(self) -> None:
        if self.epoch is not None or len(self.fit._children_map) >= (self.fit.max_subtasks or 0):
            return  # begun already, by a fit that had to start again; or there were as many as were announced
        self.epoch = self.fit.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def _end(self, epoch: Epoch) -> bool:
        context, self.epoch = self.epoch, None
        wanted = self._tell(epoch)
        if context is None:
            return wanted
        stop = context.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: self.state(copy.copy(epoch.network)),
            **self.data,
        )
        stop = bool(stop) or wanted
        if not stop:
            self._begin()
        return stop

    def _tell(self, epoch: Epoch) -> bool:
        """Calls the callbacks that are functions of an epoch, with log-likelihoods in the units of y."""
        if not self.of_epochs:
            return False
        fitted = copy.copy(self.estimator)
        fitted.__dict__.update(self.state(epoch.network))
        shift, held_out = fitted._log_scale, epoch.validation_log_likelihood
        epoch = epoch._replace(
            log_likelihood=epoch.log_likelihood - shift,
            validation_log_likelihood=None if held_out is None else held_out - shift,
        )
        stops = [one(epoch) is True for one in self.of_epochs]  # every one of them is called
        return any(stops)

    def close(self, network: Any) -> None:
        """The fit is over."""
        if self.epoch is not None:  # begun, but the fit stopped before it
            self.epoch.call_on_fit_task_end(estimator=self.estimator, **self.data)
        if self.fit is not None:
            self.fit.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes=lambda: self.state(network), **self.data
            )
