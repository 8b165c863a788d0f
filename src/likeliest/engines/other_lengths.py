"""Engines for sequences of other lengths than the main one's, with the same θ.

A program is for sequences of one length, or up to one; but θ does not depend on it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from likeliest.engines.base import Engine
from likeliest.program import Form

MOST = 16  # that are kept


class OtherLengths:
    """Engines by the form of their examples; those used last are kept.

    Parameters
    ----------
    make : callable
        From a form to an engine; a ValueError when the layers do not take such examples.
    """

    def __init__(self, make: Callable[[Form], Engine]) -> None:
        self._make = make
        self._engines: OrderedDict[Form, Engine] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._engines)

    def of(self, form: Form, main: Engine) -> Engine:
        """The engine for examples of a form, with θ as it is in the main one now."""
        with self._lock:
            engine = self._engines.pop(form, None) or self._make(form)
            for name in engine.program.parameters:
                engine.set(name, main.get(name))
            self._engines[form] = engine
            if len(self._engines) > MOST:
                self._engines.popitem(last=False)
            return engine
