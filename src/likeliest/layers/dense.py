"""Dense: h = f(x W + b),  x (n, p) or (n, T, p), W (p, q), b (q,), h (n, q) or (n, T, q)."""

from __future__ import annotations

from dataclasses import dataclass

from likeliest import initializers
from likeliest.initializers import Initializer, Zeros
from likeliest.layers.base import Layer, check_activation, check_no_padding, check_positive, check_steps, check_width
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Dense(Layer):
    """A layer of cells, each connected to every input: h_j = f(Σ_i x_i θ_ij), the handout's equation (2).

    Of a sequence x (n, T, p), every step by itself, with the same weights: h (n, T, q).

    Parameters
    ----------
    width : int
        q, how many cells.
    activation : str
        f, by name: identity, logistic, tanh, relu, leaky_relu, elu, softplus, gelu or silu.
    initializer : Initializer or str, optional
        Where W starts; by default Glorot, or He for relu and its relatives.
    bias_initializer : Initializer or str, optional
        Where b starts; by default 0.
    bias : bool
        Whether there is a bias term x_0 = 1.
    max_norm : float, optional
        The longest that the weights into one cell may be, as a vector: after each step, longer columns of W are scaled
        back (Srebro and Shraibman 2005; Hinton et al. 2012, https://arxiv.org/abs/1207.0580).

    Raises
    ------
    ValueError
        When width is not a positive whole number or a name is not known.

    Examples
    --------
    >>> from likeliest.layers import Dense
    >>> Dense(32, "logistic")
    Dense(width=32, activation='logistic', initializer=None, bias_initializer=None, bias=True, max_norm=None)
    """

    width: int
    activation: str = "identity"
    initializer: Initializer | str | None = None
    bias_initializer: Initializer | str | None = None
    bias: bool = True
    max_norm: float | None = None

    def __post_init__(self) -> None:
        check_width(self.width)
        check_activation(self.activation)
        if self.max_norm is not None:
            check_positive("max_norm", self.max_norm)
        initializers.resolve(self.initializer, "initializer", Zeros())
        initializers.resolve(self.bias_initializer, "bias_initializer", Zeros())

    def build(self, net: Builder, x: Value) -> Value:
        """Z = x W + b, then h = f(z)."""
        z = affine(net, x, self, name="h" if self.activation == "identity" else "z")
        return z if self.activation == "identity" else net.emit(self.activation, z, name="h")


def affine(net: Builder, x: Value, dense: Dense, name: str) -> Value:
    """Declares W and b and emits z = x W + b."""
    if len(x.shape) == 1:
        check_no_padding(net, x)
    p, q = check_steps(net, x), int(dense.width)
    default = initializers.for_activation(dense.activation)
    chosen = net.initializer if dense.initializer is None else dense.initializer
    W = net.parameter(
        "W", (p, q), initializers.resolve(chosen, "initializer", default), weight=True, max_norm=dense.max_norm
    )
    if not dense.bias:
        return net.emit("affine", x, W, name=name)
    b = net.parameter("b", (q,), initializers.resolve(dense.bias_initializer, "bias_initializer", Zeros()))
    return net.emit("affine", x, W, b, name=name)
