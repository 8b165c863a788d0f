"""BatchNorm, LayerNorm, RMSNorm:  x (n, p), h (n, p), each column or row brought to mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass

from likeliest.initializers import Constant, Zeros
from likeliest.layers.base import Layer, check_fraction, check_positive, check_rows
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class BatchNorm(Layer):
    """h_j = γ_j (x_j − μ_j) / σ_j + β_j, with μ_j and σ_j of the minibatch in training, running ones in prediction.

    Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167. The running mean and variance are parameters that are
    observed, not learned: ``"batch_norm_1.mean"``, ``"batch_norm_1.variance"``.

    Parameters
    ----------
    momentum : float
        In [0, 1): how much of a running statistic stays at each step.
    epsilon : float
        Positive; added to σ².

    Examples
    --------
    >>> from likeliest.layers import BatchNorm
    >>> BatchNorm()
    BatchNorm(momentum=0.9, epsilon=1e-05)
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check_fraction("momentum", self.momentum)
        check_positive("epsilon", self.epsilon)

    def build(self, net: Builder, x: Value) -> Value:
        """γ starts at 1, β at 0; the statistics at those of standardized data."""
        shape = (check_rows(net, x),)
        parameters = (
            net.parameter("gamma", shape, Constant(1.0)),
            net.parameter("beta", shape, Zeros()),
            net.parameter("mean", shape, Zeros(), statistic=True),
            net.parameter("variance", shape, Constant(1.0), statistic=True),
        )
        attributes = {"epsilon": float(self.epsilon), "momentum": float(self.momentum)}
        return net.emit("batch_norm", x, *parameters, name="h", **attributes)


@dataclass(frozen=True)
class LayerNorm(Layer):
    """h = γ ∘ (x − μ) / σ + β, with μ and σ those of the row: the same in training and prediction.

    Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450.

    Parameters
    ----------
    epsilon : float
        Positive; added to σ².

    Examples
    --------
    >>> from likeliest.layers import LayerNorm
    >>> LayerNorm()
    LayerNorm(epsilon=1e-05)
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check_positive("epsilon", self.epsilon)

    def build(self, net: Builder, x: Value) -> Value:
        """γ starts at 1, β at 0."""
        shape = (check_rows(net, x),)
        gamma, beta = net.parameter("gamma", shape, Constant(1.0)), net.parameter("beta", shape, Zeros())
        return net.emit("layer_norm", x, gamma, beta, name="h", epsilon=float(self.epsilon))


@dataclass(frozen=True)
class RMSNorm(Layer):
    """h = γ ∘ x / r, with r the root mean square of the row: the same in training and prediction.

    Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467.

    Parameters
    ----------
    epsilon : float
        Positive; added to r².

    Examples
    --------
    >>> from likeliest.layers import RMSNorm
    >>> RMSNorm()
    RMSNorm(epsilon=1e-05)
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check_positive("epsilon", self.epsilon)

    def build(self, net: Builder, x: Value) -> Value:
        """γ starts at 1."""
        gamma = net.parameter("gamma", (check_rows(net, x),), Constant(1.0))
        return net.emit("rms_norm", x, gamma, name="h", epsilon=float(self.epsilon))
