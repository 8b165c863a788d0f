"""h = x + scale ε:  x (n, ...), ε (n, ...) standard normal, h (n, ...).

While training, every number is moved a little; for small noise this is a penalty on the slopes of the network (Bishop
1995, https://doi.org/10.1162/neco.1995.7.1.108). Without ``noise``, as in prediction, h = x.
"""

from typing import Any

from likeliest.random import noise as draw  # noqa: F401 (what the engine draws for `noise` while training)


def forward(xp: Any, x: Any, *, scale: float, noise: Any = None) -> Any:
    """h_ij = x_ij + scale ε_ij."""
    return x if noise is None else x + scale * noise


def backward(g: Any, h: Any, x: Any, *, scale: float, noise: Any = None) -> tuple[Any]:
    """∂LL/∂x = g."""
    return (g,)
