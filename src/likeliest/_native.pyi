from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[Any]

def available_isas() -> list[str]: ...
def first_non_finite(x: _Array, double_precision: bool, threads: int) -> tuple[int, int] | None: ...
def permutations(
    key0: int, key1: int, first: int, last: int, n: int, threads: int, isa: str, /
) -> npt.NDArray[np.uint32]: ...
def fma_peak(threads: int, seconds: float, isa: str) -> float: ...

class Engine:
    def __init__(
        self,
        values: Sequence[tuple[int, ...]],
        shapes: Sequence[tuple[int, ...]],
        steps: Sequence[tuple[str, Sequence[int], int, Sequence[int], Sequence[float]]],
        likelihood: tuple[str, Sequence[float], Sequence[float], int, int, int, int],
        rules: Sequence[tuple[str, Sequence[float], bool, bool, float]],
        double_precision: bool,
        isa: str,
        /,
    ) -> None: ...
    def get(self, parameter: int, which: int, /) -> _Array: ...
    def set(self, parameter: int, which: int, values: _Array, /) -> None: ...
    def keep(self) -> None: ...
    def restore(self) -> None: ...
    def start(self, optimizer: str, hyperparameters: Sequence[float], free: Sequence[float], /) -> None: ...
    def average(self, wanted: bool, /) -> None: ...
    def swap(self) -> None: ...
    def train(
        self,
        x: _Array,
        y: _Array,
        weight: _Array | None,
        order: npt.NDArray[np.uint32],
        bounds: npt.NDArray[np.int64],
        factors: npt.NDArray[np.float64],
        rates: npt.NDArray[np.float64] | None,
        t: int,
        floor: float,
        terms: tuple[float, float, int, int],
        custom: Callable[[_Array, _Array], tuple[_Array, _Array]] | None,
        threads: int,
        augmentation: tuple[
            tuple[int, int, int],
            int,
            float | None,
            tuple[int, int],
            Sequence[tuple[str, int, Sequence[float]]],
            npt.NDArray[np.float64] | None,
        ]
        | None = None,
        carries: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.float64]: ...
    def gradient(
        self,
        x: _Array,
        y: _Array,
        weight: _Array | None,
        custom: Callable[[_Array, _Array], tuple[_Array, _Array]] | None,
        threads: int,
    ) -> None: ...
    def log_likelihood(
        self, x: _Array, y: _Array, threads: int, carries: bool | None = None
    ) -> npt.NDArray[np.float64]: ...
    def output(self, x: _Array, threads: int, carries: bool | None = None) -> _Array: ...
    def probabilities(self, x: _Array, threads: int, /) -> _Array: ...
