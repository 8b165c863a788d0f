"""h = [x, c]:  x (n, ..., p), c (q,), h (n, ..., p + q): the same q numbers after every row, or every step.

So a likelihood gets a parameter that does not depend on the inputs, such as one variance for all examples.
"""

from typing import Any


def forward(xp: Any, x: Any, c: Any) -> Any:
    """C after each row of x."""
    return xp.concatenate([x, xp.broadcast_to(c, (*x.shape[:-1], c.shape[0]))], axis=-1)


def backward(g: Any, h: Any, x: Any, c: Any) -> tuple[Any, ...]:
    """∂LL/∂x = the first p columns of g,  ∂LL/∂c = Σ_i of the others."""
    p = x.shape[-1]
    return g[..., :p], g[..., p:].reshape(-1, len(c)).sum(axis=0)
