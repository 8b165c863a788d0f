"""The handout, executable: a neural network with one hidden layer, fitted by maximum likelihood.

This file is the handout "Neural Networks" of Stanford's CS 109 (Chris Piech) in plain NumPy, one function per equation,
in the handout's order and letters. It imports nothing else of this package.

    x        m_x inputs               X       (n, m_x)       n examples, one per row
    h        m_h hidden cells         H       (n, m_h)
    ŷ        P(Y = 1 | x)             y_hat   (n,)
    y        what was observed        y       (n,)           each 0 or 1
    θ⁽ʰ⁾     x to h                   theta_h (m_x + 1, m_h) row 0 holds the biases, because x_0 = 1
    θ⁽ŷ⁾     h to ŷ                   theta_y (m_h + 1,)     entry 0 is the bias, because h_0 = 1

The log-likelihood LL says how likely the parameters θ make the observed data. We want it as high as possible, so we
walk up its gradient.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def logistic(z: Array) -> Array:
    """σ(z) = 1 / (1 + e⁻ᶻ): any number to a probability, z (...) -> (...).

    Source: handout, the function σ of equations (1) and (2).

    >>> logistic(np.array([-2.0, 0.0, 2.0])).round(3)
    array([0.119, 0.5  , 0.881])
    >>> 0 < logistic(np.array([1000.0])) < 1
    array([ True])
    """
    # σ(z) lies strictly between 0 and 1, but float64 rounds it to 1 from about z = 37 on (and e⁻ᶻ overflows below
    # z = -709). A ŷ of exactly 0 or 1 would make (3) take log 0 and ∂LL/∂ŷ divide by 0. Stopping z at ±36 keeps ŷ
    # strictly inside, so that every formula below can stay as the handout prints it. The gradient stays right out
    # there: for a confidently wrong example ∂LL/∂ŷ is about 1e16, ŷ(1 - ŷ) about 1e-16, and their product 1.
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -36, 36))))


def with_bias(X: Array) -> Array:
    """Put x_0 = 1 before the inputs (or h_0 = 1 before the hidden cells), X (n, m) -> (n, m + 1).

    Source: handout, "x_0 = h_0 = 1".

    >>> with_bias(np.array([[5.0, 6.0]]))
    array([[1., 5., 6.]])
    """
    return np.column_stack([np.ones(len(X)), X])


# The forward pass: (2), then (1), then (3) ---------------------------------------------------------------------------


def hidden_cells(theta_h: Array, X: Array) -> Array:
    """h_j = σ( Σ_{i=0..m_x} x_i θ_{i,j}⁽ʰ⁾ ), theta_h (m_x + 1, m_h), X (n, m_x) -> H (n, m_h).

    Raises ValueError when X and theta_h disagree about m_x. Source: handout (2).

    >>> hidden_cells(theta_h=np.array([[0.0], [1.0]]), X=np.array([[0.0], [2.0]])).round(3)
    array([[0.5  ],
           [0.881]])
    """
    if X.ndim != 2 or X.shape[1] + 1 != theta_h.shape[0]:
        raise ValueError(f"X should be (n, {theta_h.shape[0] - 1}) for theta_h {theta_h.shape}, got {X.shape}")
    return logistic(with_bias(X) @ theta_h)


def output(theta_y: Array, H: Array) -> Array:
    """ŷ = σ( Σ_{j=0..m_h} h_j θ_j⁽ŷ⁾ ), theta_y (m_h + 1,), H (n, m_h) -> y_hat (n,).

    Raises ValueError when H and theta_y disagree about m_h. Source: handout (1).

    >>> output(theta_y=np.array([-1.0, 2.0]), H=np.array([[0.5], [0.881]])).round(3)
    array([0.5  , 0.682])
    """
    if theta_y.shape != (H.shape[1] + 1,):
        raise ValueError(f"theta_y should be ({H.shape[1] + 1},) for {H.shape[1]} hidden cells, got {theta_y.shape}")
    return logistic(with_bias(H) @ theta_y)


def log_likelihood(y: Array, y_hat: Array) -> float:
    """LL(θ) = Σ_i y⁽ⁱ⁾ log ŷ⁽ⁱ⁾ + (1 - y⁽ⁱ⁾) log(1 - ŷ⁽ⁱ⁾), y (n,), y_hat (n,) -> a number, in nats.

    Never above 0; 0 when every ŷ equals its y; minus infinity when a ŷ of exactly 0 or 1 called impossible what
    happened. Raises ValueError when y and y_hat differ in shape. Source: handout (3).

    >>> round(log_likelihood(y=np.array([1.0, 0.0]), y_hat=np.array([0.9, 0.2])), 3)  # log 0.9 + log 0.8
    -0.329
    >>> log_likelihood(y=np.array([1.0, 0.0]), y_hat=np.array([1.0, 0.0]))
    0.0
    """
    _same_shape(y, y_hat)
    return float(np.sum(_times_log(y, y_hat) + _times_log(1 - y, 1 - y_hat)))


def _times_log(a: Array, b: Array) -> Array:
    """Give a log b, where 0 log 0 = 0: the limit, instead of the NaN that 0 times minus infinity would give."""
    with np.errstate(divide="ignore"):
        return np.asarray(a * np.log(np.where(a == 0, 1, b)))


# The factors of the chain rule ---------------------------------------------------------------------------------------


def dLL_dy_hat(y: Array, y_hat: Array) -> Array:
    """∂LL/∂ŷ = y/ŷ - (1 - y)/(1 - ŷ), y (n,), y_hat (n,) strictly between 0 and 1 -> (n,).

    Raises ValueError when y and y_hat differ in shape. Source: handout, the first factor of (4) and (5).

    >>> dLL_dy_hat(y=np.array([1.0, 0.0]), y_hat=np.array([0.5, 0.2]))
    array([ 2.  , -1.25])
    """
    _same_shape(y, y_hat)
    return y / y_hat - (1 - y) / (1 - y_hat)


def dy_hat_dtheta_y(y_hat: Array, H: Array) -> Array:
    """∂ŷ/∂θ_j⁽ŷ⁾ = ŷ(1 - ŷ) h_j, y_hat (n,), H (n, m_h) -> (n, m_h + 1).

    Source: handout, the second factor of (4).

    >>> dy_hat_dtheta_y(y_hat=np.array([0.5]), H=np.array([[0.8, 0.4]]))  # h_0 = 1
    array([[0.25, 0.2 , 0.1 ]])
    """
    return (y_hat * (1 - y_hat))[:, None] * with_bias(H)


def dy_hat_dh(y_hat: Array, theta_y: Array) -> Array:
    """∂ŷ/∂h_j = ŷ(1 - ŷ) θ_j⁽ŷ⁾, y_hat (n,), theta_y (m_h + 1,) -> (n, m_h).

    There is no column for h_0: it is always 1, and nothing feeds it. Source: handout, the second factor of (5).

    >>> dy_hat_dh(y_hat=np.array([0.5]), theta_y=np.array([7.0, 4.0, -4.0]))
    array([[ 1., -1.]])
    """
    return (y_hat * (1 - y_hat))[:, None] * theta_y[1:]


def dh_dtheta_h(H: Array, X: Array) -> Array:
    """∂h_j/∂θ_{i,j}⁽ʰ⁾ = h_j(1 - h_j) x_i, H (n, m_h), X (n, m_x) -> (n, m_x + 1, m_h).

    (The handout prints x_j; the index that makes it right is i.) Source: handout, the third factor of (5).

    >>> dh_dtheta_h(H=np.array([[0.5, 0.2]]), X=np.array([[10.0]]))  # row i = 0 is the bias, x_0 = 1
    array([[[0.25, 0.16],
            [2.5 , 1.6 ]]])
    """
    return with_bias(X)[:, :, None] * (H * (1 - H))[:, None, :]


# Backpropagation: the factors multiplied -----------------------------------------------------------------------------


def gradient(theta_h: Array, theta_y: Array, X: Array, y: Array) -> tuple[Array, Array]:
    """The gradient of LL, theta_h (m_x + 1, m_h), theta_y (m_h + 1,), X (n, m_x), y (n,) -> the two thetas' shapes.

    ∂LL/∂θ_{i,j}⁽ʰ⁾ = ∂LL/∂ŷ · ∂ŷ/∂h_j · ∂h_j/∂θ_{i,j}⁽ʰ⁾        (5)
    ∂LL/∂θ_j⁽ŷ⁾    = ∂LL/∂ŷ · ∂ŷ/∂θ_j⁽ŷ⁾                        (4)

    each summed over the examples, as LL is. Raises ValueError when the shapes do not fit together.
    Source: handout (4) and (5), backpropagation.

    Written out so literally, (5) makes an array of n (m_x + 1) m_h numbers: 3 MB for the small digits, 800 MB for ten
    cells on MNIST's zeros and ones. A fast library sums over the examples inside a matrix product instead.

    >>> theta_h, theta_y = np.array([[0.0], [1.0]]), np.array([-1.0, 2.0])
    >>> dLL_dtheta_h, dLL_dtheta_y = gradient(theta_h, theta_y, X=np.array([[0.0]]), y=np.array([1.0]))
    >>> dLL_dtheta_h  # 2 · 0.5 · 0.25 · (x_0 = 1, x_1 = 0)
    array([[0.25],
           [0.  ]])
    >>> dLL_dtheta_y  # 2 · 0.25 · (h_0 = 1, h_1 = 0.5)
    array([0.5 , 0.25])
    """
    H = hidden_cells(theta_h, X)
    y_hat = output(theta_y, H)

    dLL = dLL_dy_hat(y, y_hat)
    dLL_dtheta_y = dLL[:, None] * dy_hat_dtheta_y(y_hat, H)
    dLL_dtheta_h = dLL[:, None, None] * dy_hat_dh(y_hat, theta_y)[:, None, :] * dh_dtheta_h(H, X)
    return dLL_dtheta_h.sum(axis=0), dLL_dtheta_y.sum(axis=0)


# Choosing θ: gradient ascent -----------------------------------------------------------------------------------------


def initialize(m_x: int, m_h: int, seed: int = 0) -> tuple[Array, Array]:
    """Small random parameters, m_x inputs, m_h hidden cells -> theta_h (m_x + 1, m_h), theta_y (m_h + 1,).

    θ ~ Normal(0, 0.1²). Not zeros: cells that start the same have the same gradient, so they stay the same for ever
    and are worth one cell. Source: handout, on initialisation.

    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 1.0, 1.0])
    >>> theta_h, _, _ = ascend(np.zeros((2, 3)), np.zeros(4), X, y, learning_rate=1.0, epochs=100)
    >>> theta_h.round(1)  # from zeros: one cell, three times
    array([[-1.3, -1.3, -1.3],
           [ 2.3,  2.3,  2.3]])
    >>> theta_h, _, _ = ascend(*initialize(m_x=1, m_h=3, seed=0), X, y, learning_rate=1.0, epochs=100)
    >>> theta_h.round(1)  # from small random numbers: three cells
    array([[-1.8,  0.6,  0. ],
           [ 3.5, -1.6,  0.3]])
    """
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.1, size=(m_x + 1, m_h)), rng.normal(0, 0.1, size=m_h + 1)


def ascend(
    theta_h: Array, theta_y: Array, X: Array, y: Array, *, learning_rate: float, epochs: int
) -> tuple[Array, Array, Array]:
    """Gradient ascent from the given parameters, X (n, m_x), y (n,) -> theta_h, theta_y, LL (epochs + 1,).

    θ ← θ + learning_rate · (1/n) ∂LL/∂θ, epochs times. The step takes the mean over the n examples, so that a
    learning rate that suits 100 examples suits 10 000; LL is reported as the handout's sum (3), before the first step
    and after every step. Source: handout, gradient ascent.

    >>> X, y = np.array([[0.0], [1.0]]), np.array([0.0, 1.0])
    >>> _, _, LL = ascend(*initialize(1, 2, seed=1), X, y, learning_rate=1.0, epochs=3)
    >>> bool(np.all(np.diff(LL) > 0))
    True
    """
    n = len(X)
    LL = [log_likelihood(y, predict_proba(theta_h, theta_y, X))]
    for _ in range(epochs):
        dLL_dtheta_h, dLL_dtheta_y = gradient(theta_h, theta_y, X, y)
        theta_h = theta_h + learning_rate * dLL_dtheta_h / n
        theta_y = theta_y + learning_rate * dLL_dtheta_y / n
        LL.append(log_likelihood(y, predict_proba(theta_h, theta_y, X)))
    return theta_h, theta_y, np.array(LL)


def fit(
    X: Array, y: Array, *, m_h: int = 8, learning_rate: float = 1.0, epochs: int = 300, seed: int = 0
) -> tuple[Array, Array, Array]:
    """Choose the parameters that make y likeliest, X (n, m_x), y (n,) -> theta_h, theta_y, LL (epochs + 1,).

    `initialize`, then `ascend`.

    Parameters
    ----------
    X : array (n, m_x)
        the inputs of the n examples, best of size about 1.
    y : array (n,)
        what was observed, each 0 or 1.
    m_h : int
        how many hidden cells.
    learning_rate : float
        how far to walk along the mean gradient at each step; lower it if LL ever falls.
    epochs : int
        how many steps, each over all the examples.
    seed : int
        for the random start; the same seed gives the same parameters.

    Raises
    ------
    ValueError
        when X is not (n, m_x), or y is not (n,) with zeros and ones only.

    Examples
    --------
    Exclusive or, which no single cell can learn:

    >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> theta_h, theta_y, LL = fit(X, y, m_h=4, learning_rate=5.0, epochs=1000)
    >>> predict(theta_h, theta_y, X)
    array([0, 1, 1, 0])
    """
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise ValueError(f"X should be (n, m_x) and y (n,), got X {X.shape} and y {y.shape}")
    if not np.all((y == 0) | (y == 1)):
        raise ValueError("every y should be 0 or 1; for two other classes a and b, give y = (labels == b)")
    theta_h, theta_y = initialize(X.shape[1], m_h, seed)
    return ascend(theta_h, theta_y, X, y, learning_rate=learning_rate, epochs=epochs)


def predict_proba(theta_h: Array, theta_y: Array, X: Array) -> Array:
    """ŷ = P(Y = 1 | x), the forward pass (2) then (1), X (n, m_x) -> y_hat (n,).

    Raises ValueError when the shapes do not fit together.

    >>> predict_proba(np.array([[0.0], [1.0]]), np.array([-1.0, 2.0]), X=np.array([[0.0], [2.0]])).round(3)
    array([0.5  , 0.682])
    """
    return output(theta_y, hidden_cells(theta_h, np.asarray(X, dtype=float)))


def predict(theta_h: Array, theta_y: Array, X: Array) -> NDArray[np.int64]:
    """The likelier class, 1 where ŷ > 1/2 and 0 elsewhere, X (n, m_x) -> (n,) integers.

    Raises ValueError when the shapes do not fit together.

    >>> predict(np.array([[0.0], [1.0]]), np.array([-1.0, 2.0]), X=np.array([[-1.0], [2.0]]))
    array([0, 1])
    """
    return (predict_proba(theta_h, theta_y, X) > 0.5).astype(np.int64)


def _same_shape(y: Array, y_hat: Array) -> None:
    # Without this, y (n, 1) against y_hat (n,) would broadcast to n × n and give a number that means nothing.
    if y.shape != y_hat.shape:
        raise ValueError(f"y and y_hat should have the same shape, got {y.shape} and {y_hat.shape}")
