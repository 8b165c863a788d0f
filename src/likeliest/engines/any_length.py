"""An engine for sequences of any length: one for each length that there was, all with the same θ.

A program is for sequences of one length, or up to one; but θ does not depend on it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from likeliest.engines.base import Engine
from likeliest.program import Form

MOST = 8  # engines besides the main one that are kept


class AnyLength:
    """An engine, which trains and holds θ, and others for examples of another form, which get θ from it.

    It offers what the engine does; ``of`` gives the one for a form.
    """

    def __init__(self, engine: Engine, make: Callable[[Form], Engine]) -> None:
        self.main, self._make = engine, make
        self._others: OrderedDict[Form, tuple[Engine, int]] = OrderedDict()  # and the θ that they have
        self._theta = 0  # how often θ has changed
        self._lock = threading.Lock()
        for name in ("set", "restore", "swap", "train"):
            setattr(self, name, self._counted(getattr(engine, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.main, name)

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            try:
                return method(*arguments, **named)
            finally:
                self._theta += 1

        return counted

    def of(self, form: Form) -> Engine:
        """The engine for examples of a form, with θ as it is now.

        Raises
        ------
        ValueError
            When the layers do not take such examples.
        """
        if form == self.main.program.form:
            return self.main
        with self._lock:
            engine, theta = self._others.pop(form, None) or (self._make(form), -1)
            now = self._theta
            if theta != now:
                for name in engine.program.parameters:
                    engine.set(name, self.main.get(name))
            self._others[form] = engine, now
            if len(self._others) > MOST:
                self._others.popitem(last=False)
            return engine
