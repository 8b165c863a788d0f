"""Where θ starts, from the data: every hidden z (n, ..., q) with mean 0 and variance 1 over examples and places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from likeliest.engines.reference import forward
from likeliest.program import Form, Step
from likeliest.sequences import Ragged, as_sequences

if TYPE_CHECKING:
    from likeliest.network import Network

CONSTANT = 1e-6  # a z that spreads less than this share of its size is constant, but for rounding


def unit_variance(network: Network, X: Any, lengths: Any = None) -> Network:
    """Rescales W and b, layer by layer, so that each cell's z = x W + b has mean 0 and variance 1 over X.

    W ← W / s and b ← (b − m) / s, where m and s are the mean and the standard deviation of z; without a bias term only
    the variance is set. Mishkin and Matas 2016, "All you need is a good init", https://arxiv.org/abs/1511.06422, a cell
    at a time as in Salimans and Kingma 2016, https://arxiv.org/abs/1602.07868. The output layer is left alone: where
    η starts is for the likelihood to say. So is a cell whose z is the same for every example.

    Parameters
    ----------
    network : Network
        One that is built.
    X : (n, ...) array or data frame, or list of sequences
        Some hundred training examples are enough. Of sequences, every step counts, and none beyond an end.
    lengths : (n,) array of int, optional
        As in `Network.fit`.

    Returns
    -------
    Network
        Itself, with θ changed.

    Raises
    ------
    ValueError
        When X does not fit the network, or a z overflows.

    Examples
    --------
    >>> import numpy as np
    >>> import likeliest as ll
    >>> from likeliest.data_dependent import unit_variance
    >>> X = np.random.default_rng(0).normal(5, 20, size=(300, 4))
    >>> net = ll.Network([ll.Dense(8, "tanh")], likelihood=ll.likelihoods.Bernoulli()).build(4)
    >>> z = unit_variance(net, X).trace(X).values["dense_1.z"]
    >>> bool(abs(z.mean(axis=0)).max() < 1e-5 and abs(z.std(axis=0) - 1).max() < 1e-5)
    True
    """
    given = as_sequences(X, lengths)
    if isinstance(given, Ragged):
        X = network._examples(given, 1).pack(given.longest, np.float64)
        program = network._engine_for(Form(given.shape, True)).program
    else:
        X = given.astype(np.float64)
        program = network._engine_for(Form(X.shape[1:])).program
    theta = {name: np.asarray(value, np.float64) for name, value in network.parameters.items()}
    for step in program.steps:
        if step.operation not in ("affine", "convolution", "transposed_convolution") or _is_output(step):
            continue
        z = forward(program, theta, X)[step.output]
        if isinstance(given, Ragged) and z.ndim == 3 and z.shape[1] == given.longest:
            z = z[np.arange(given.longest) < given.lengths[:, None]]
        z = z.reshape(-1, z.shape[-1])
        if not np.isfinite(z).all():
            raise ValueError(f"X: {step.output} is not finite for some examples; scale X to about 1")
        m, s = z.mean(axis=0), z.std(axis=0)
        varies = s > CONSTANT * np.abs(z).max(axis=0)
        m, s = np.where(varies, m, 0.0), np.where(varies, s, 1.0)
        W, *b = step.parameters
        theta[W] = theta[W] / _as_columns(s, theta[W], step)
        for name in b:
            theta[name] = (theta[name] - m) / s
        for name in step.parameters:
            network.parameters[name] = theta[name]
            theta[name] = np.asarray(network.parameters[name], np.float64)  # as the network's precision has it
    return network


def _is_output(step: Step) -> bool:
    return any(name.startswith("output.") for name in step.parameters)


def _as_columns(s: Any, W: Any, step: Step) -> Any:
    """S (q,) so that it broadcasts with W: a cell is a column; in a transposed convolution, a row of its group."""
    if step.operation != "transposed_convolution":
        return s
    groups = step.attributes["groups"]  # W is (*kernel, q/groups, c), c split into groups
    return np.repeat(s.reshape(groups, -1).T, W.shape[-1] // groups, axis=1)
