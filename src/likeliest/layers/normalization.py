"""BatchNorm, LayerNorm, RMSNorm, GroupNorm:  columns, rows or groups of channels brought to mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass

from likeliest.initializers import Constant, Zeros
from likeliest.layers.base import Layer, check_fraction, check_no_padding, check_positive, check_steps
from likeliest.layers.space import check_sizes, written
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class BatchNorm(Layer):
    """h_j = γ_j (x_j − μ_j) / σ_j + β_j, with μ_j and σ_j of the minibatch in training, running ones in prediction.

    Of images x (n, H, W, c) each channel is a column, over the minibatch and all places. Ioffe and Szegedy 2015,
    https://arxiv.org/abs/1502.03167. The running mean and variance are parameters that are observed, not learned:
    ``"batch_norm_1.mean"``, ``"batch_norm_1.variance"``.

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
        check_no_padding(net, x, "use LayerNorm(), which takes each step by itself")
        shape = x.shape[-1:]
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

    Of a sequence x (n, T, p), every step by itself. Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450.

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
        shape = (check_steps(net, x),)
        gamma, beta = net.parameter("gamma", shape, Constant(1.0)), net.parameter("beta", shape, Zeros())
        return net.emit("layer_norm", x, gamma, beta, name="h", epsilon=float(self.epsilon))


@dataclass(frozen=True)
class RMSNorm(Layer):
    """h = γ ∘ x / r, with r the root mean square of the row: the same in training and prediction.

    Of a sequence x (n, T, p), every step by itself. Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467.

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
        gamma = net.parameter("gamma", (check_steps(net, x),), Constant(1.0))
        return net.emit("rms_norm", x, gamma, name="h", epsilon=float(self.epsilon))


@dataclass(frozen=True)
class GroupNorm(Layer):
    """h = γ ∘ (x − μ) / σ + β, with μ and σ those of a group of channels of one example, over all places.

    x (n, *space, c), h the same. The same in training and prediction, for any size of minibatch. With one group, all
    channels are normalized together; with as many groups as channels, each by itself (instance normalization). Wu and
    He 2018, https://arxiv.org/abs/1803.08494.

    Parameters
    ----------
    groups : int
        In how many parts the channels are split; must divide their number.
    epsilon : float
        Positive; added to σ².

    Raises
    ------
    ValueError
        When an argument is none of these; when the network is built, when groups do not divide the channels.

    Examples
    --------
    >>> from likeliest.layers import GroupNorm
    >>> GroupNorm(8)
    GroupNorm(groups=8, epsilon=1e-05)
    """

    groups: int = 32
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if isinstance(check_sizes("groups", self.groups, 1), tuple):
            raise ValueError(f"groups: expected a whole number of at least 1, found {self.groups!r}")
        check_positive("epsilon", self.epsilon)

    def build(self, net: Builder, x: Value) -> Value:
        """γ starts at 1, β at 0."""
        check_no_padding(net, x, "use LayerNorm(), which takes each step by itself")
        c, groups = x.shape[-1], int(self.groups)
        if c % groups:
            divisors = [k for k in range(1, c + 1) if c % k == 0]
            raise ValueError(
                f"{net.layer}: {groups} groups do not divide the {c} channels of x {written(x.shape)}: use one of "
                f"{', '.join(map(str, divisors))}"
            )
        gamma, beta = net.parameter("gamma", (c,), Constant(1.0)), net.parameter("beta", (c,), Zeros())
        return net.emit("group_norm", x, gamma, beta, name="h", groups=groups, epsilon=float(self.epsilon))
