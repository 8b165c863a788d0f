"""h = [x without the code columns, E_1[x_c1], E_2[x_c2], …]:  x (n, p), E_k (K_k, d_k), h (n, p − C + Σ d_k).

Some columns of x are codes 0 … K − 1 of categories: each is replaced by its row of a table E, a vector that is learned
(Guo and Berkhahn 2016, https://arxiv.org/abs/1604.06737). The other columns come first, as they are. The same as
one-hot columns times E, without the multiplication.
"""

from typing import Any

import numpy as np


def forward(xp: Any, x: Any, *E: Any, columns: tuple[int, ...]) -> Any:
    """The numbers, then the row of each table that a code names."""
    numbers = [j for j in range(x.shape[1]) if j not in columns]
    rows = [table[x[:, c].astype(int)] for table, c in zip(E, columns, strict=True)]
    return xp.concatenate([x[:, np.array(numbers, dtype=int)], *rows], axis=1)


def backward(g: Any, h: Any, x: Any, *E: Any, columns: tuple[int, ...]) -> tuple[Any, ...]:
    """∂LL/∂E_k[c] = Σ of g over the examples with code c; codes have no derivative."""
    numbers = [j for j in range(x.shape[1]) if j not in columns]
    slope = np.zeros_like(x)
    slope[:, numbers] = g[:, : len(numbers)]
    begin, tables = len(numbers), []
    for table, c in zip(E, columns, strict=True):
        gradient = np.zeros_like(table)
        np.add.at(gradient, x[:, c].astype(int), g[:, begin : begin + table.shape[1]])
        tables.append(gradient)
        begin += table.shape[1]
    return slope, *tables
