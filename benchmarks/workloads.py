"""What is timed: a data set, a network, a likelihood and an optimizer, each exactly once, for every peer to read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Workload:
    """One network of dense layers, p inputs to q outputs each, fitted to n examples in minibatches.

    The output is the log-odds of a Bernoulli, those of a Categorical, or the mean of a Normal whose variance is 1
    (least squares). Every peer starts from Glorot's uniform distribution, climbs the mean log-likelihood of a
    minibatch, in float32, and visits all n examples once per epoch in a new order. The last minibatch is the remainder:
    no peer may drop it.
    """

    name: str
    widths: tuple[int, ...]
    likelihood: Literal["bernoulli", "categorical", "normal"]
    activation: Literal["logistic", "relu"]
    optimizer: Literal["gradient ascent", "adam"]
    learning_rate: float
    batch_size: int
    digits: tuple[int, ...] = ()  # those of MNIST; none means a generated table
    rows: int = 0  # of the generated table
    epochs_per_turn: int = 1  # as many as make a turn last some tenths of a second
    noise: float = 0.0  # random numbers up to this are added to every pixel

    # Adam's other constants, the same for everyone (their defaults differ: Keras has epsilon 1e-7).
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(p, q) of each dense layer."""
        return list(zip(self.widths[:-1], self.widths[1:], strict=True))

    @property
    def is_bernoulli(self) -> bool:
        """Whether the output is one log-odds."""
        return self.likelihood == "bernoulli"

    @property
    def is_normal(self) -> bool:
        """Whether the output is a mean."""
        return self.likelihood == "normal"

    @property
    def score(self) -> str:
        """What stands beside the time in the tables."""
        return "RMSE" if self.is_normal else "accuracy"

    @property
    def flop_per_example(self) -> int:
        """The arithmetic that no method can avoid, in FLOP (a multiplication and an addition are two).

        A layer p → q costs 2pq forward (x W), 2pq for ∂LL/∂W (xᵀ δ) and 2pq for ∂LL/∂x (δ Wᵀ). Nobody needs ∂LL/∂x of
        the first layer, so it is not counted. Biases, activations, the likelihood and the optimizer are not counted
        either: the figure is the share of the peak that the matrix products alone reach.
        """
        products = [2 * p * q for p, q in self.layers]
        return 3 * sum(products) - products[0]


W1 = Workload(
    name="W1",
    digits=(0, 1),
    widths=(784, 32, 1),
    likelihood="bernoulli",
    activation="logistic",
    optimizer="gradient ascent",
    learning_rate=0.1,
    batch_size=32,
    epochs_per_turn=10,
)
W2 = Workload(
    name="W2",
    digits=tuple(range(10)),
    widths=(784, 512, 10),
    likelihood="categorical",
    activation="relu",
    optimizer="adam",
    learning_rate=1e-3,
    batch_size=128,
)
# The same with no zero among the inputs: four fifths of MNIST's pixels are 0, which likeliest makes use of.
W1_DENSE = replace(W1, name="W1-dense", noise=0.1)
W2_DENSE = replace(W2, name="W2-dense", noise=0.1)

# Tables as most users have them: here a step is so short that what surrounds the arithmetic decides.
T1 = Workload(
    name="T1",
    rows=1_000,
    widths=(8, 50, 1),
    likelihood="normal",
    activation="relu",
    optimizer="adam",
    learning_rate=1e-3,
    batch_size=32,
    epochs_per_turn=100,
)
T2 = replace(T1, name="T2", rows=50_000, widths=(20, 50, 1), batch_size=256, epochs_per_turn=5)

WORKLOADS = {workload.name: workload for workload in (W1, W2, W1_DENSE, W2_DENSE, T1, T2)}
