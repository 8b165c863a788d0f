from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[Any]

def available_isas() -> list[str]: ...
def first_non_finite(x: _Array, threads: int) -> tuple[int, int] | None: ...
def fma_peak(threads: int, seconds: float, isa: str) -> float: ...

class Engine:
    def __init__(
        self,
        widths: Sequence[int],
        shapes: Sequence[tuple[int, int]],
        steps: Sequence[tuple[str, int, int, Sequence[int], Sequence[float]]],
        likelihood: str,
        classes: int,
        double_precision: bool,
        isa: str,
        /,
    ) -> None: ...
    def get(self, parameter: int, which: int, /) -> _Array: ...
    def set(self, parameter: int, which: int, values: _Array, /) -> None: ...
    def start(self, optimizer: str, hyperparameters: Sequence[float], /) -> None: ...
    def train(
        self,
        x: _Array,
        y: _Array,
        weight: _Array | None,
        order: npt.NDArray[np.uint32],
        bounds: npt.NDArray[np.int64],
        t: int,
        floor: float,
        threads: int,
    ) -> npt.NDArray[np.float64]: ...
    def gradient(self, x: _Array, y: _Array, weight: _Array | None, threads: int) -> None: ...
    def log_likelihood(self, x: _Array, y: _Array, threads: int, /) -> npt.NDArray[np.float64]: ...
    def output(self, x: _Array, threads: int, /) -> _Array: ...
    def probabilities(self, x: _Array, threads: int, /) -> _Array: ...
