"""What is timed: a data set, a network, a likelihood and an optimizer, each exactly once, for every peer to read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.layers import Convolution, Dense, Flatten, GlobalAverage, Layer, MaxPool, Recurrence, Shape


@dataclass(frozen=True)
class Workload:
    """One network, fitted to n examples in minibatches.

    The output is the log-odds of a Bernoulli, those of a Categorical, or the mean of a Normal whose variance is 1
    (least squares). Every peer starts from Glorot's uniform distribution, climbs the mean log-likelihood of a
    minibatch, in float32, and visits all n examples once per epoch in a new order. The last minibatch is the remainder:
    no peer may drop it.
    """

    name: str
    inputs: Shape  # of one example
    layers: tuple[Layer, ...]
    likelihood: Literal["bernoulli", "categorical", "normal"]
    optimizer: Literal["gradient ascent", "adam"]
    learning_rate: float
    batch_size: int
    digits: tuple[int, ...] = ()  # those of MNIST; none means generated data
    rows: int = 0  # of the generated data; or so many of MNIST's training images, the first ones (0: all)
    epochs_per_turn: int = 1  # as many as make a turn last some tenths of a second
    noise: float = 0.0  # random numbers up to this are added to every pixel

    # Adam's other constants, the same for everyone (their defaults differ: Keras has epsilon 1e-7).
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    @property
    def shapes(self) -> list[Shape]:
        """What each layer is given."""
        shapes = [self.inputs]
        for layer in self.layers[:-1]:
            shapes.append(layer.shape(shapes[-1]))
        return shapes

    @property
    def outputs(self) -> int:
        """How many numbers the last layer gives."""
        return self.layers[-1].shape(self.shapes[-1])[0]

    @property
    def is_dense(self) -> bool:
        """Whether all layers are dense ones."""
        return all(isinstance(layer, Dense) for layer in self.layers)

    @property
    def is_recurrent(self) -> bool:
        """Whether the first layer is a recurrence."""
        return isinstance(self.layers[0], Recurrence)

    @property
    def is_series(self) -> bool:
        """Whether it convolves along one axis."""
        return self.axes == 1 and not self.is_recurrent

    @property
    def axes(self) -> int:
        """The number of axes of space: of a series 1, of an image 2, of a volume 3; of a row of a table 0."""
        return len(self.inputs) - 1

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

        A dense layer p → q costs 2pq forward (x W), 2pq for ∂LL/∂W (xᵀ δ) and 2pq for ∂LL/∂x (δ Wᵀ); a convolution as
        much at each position of its output, with p the number of inputs that a kernel sees; a recurrence as much at
        each step, of its input and of its state. Nobody needs ∂LL/∂x of the first layer, so it is not counted. Biases,
        activations, pooling, the likelihood and the optimizer are not counted either: the figure is the share of the
        peak that the products alone reach.
        """
        products = [layer.product_flop(shape) for layer, shape in zip(self.layers, self.shapes, strict=True)]
        return 3 * sum(products) - self.layers[0].input_flop(self.inputs)


W1 = Workload(
    name="W1",
    digits=(0, 1),
    inputs=(784,),
    layers=(Dense(32, "logistic"), Dense(1)),
    likelihood="bernoulli",
    optimizer="gradient ascent",
    learning_rate=0.1,
    batch_size=32,
    epochs_per_turn=10,
)
W2 = Workload(
    name="W2",
    digits=tuple(range(10)),
    inputs=(784,),
    layers=(Dense(512, "relu"), Dense(10)),
    likelihood="categorical",
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
    inputs=(8,),
    layers=(Dense(50, "relu"), Dense(1)),
    likelihood="normal",
    optimizer="adam",
    learning_rate=1e-3,
    batch_size=32,
    epochs_per_turn=500,
)
T2 = replace(T1, name="T2", rows=50_000, inputs=(20,), batch_size=256, epochs_per_turn=20)

# Images, series and volumes. The images are a seventh of MNIST's, so that the slowest peer's turn takes seconds.
W3 = replace(
    W2,
    name="W3",
    inputs=(28, 28, 1),
    layers=(
        Convolution(32, 3, "relu"),
        MaxPool(),
        Convolution(64, 3, "relu"),
        MaxPool(),
        Flatten(),
        Dense(128, "relu"),
        Dense(10),
    ),
    rows=12_800,
)
CONV1D = Workload(
    name="Conv1D",
    rows=4_000,
    inputs=(100, 16),
    layers=(Convolution(64, 5, "relu"), Convolution(64, 5, "relu"), GlobalAverage(), Dense(10)),
    likelihood="categorical",
    optimizer="adam",
    learning_rate=1e-3,
    batch_size=128,
)
CONV3D = replace(
    CONV1D,
    name="Conv3D",
    rows=512,
    inputs=(16, 16, 16, 4),
    layers=(Convolution(32, 3, "relu"), GlobalAverage(), Dense(10)),
    batch_size=32,
)
# Layers of the kind that small networks for telephones are made of, without the 1x1 convolutions between them.
DEPTHWISE = replace(
    CONV1D,
    name="Depthwise",
    rows=64,
    inputs=(56, 56, 128),
    layers=(
        Convolution(128, 3, "relu", depthwise=True),
        Convolution(128, 3, "relu", depthwise=True),
        GlobalAverage(),
        Dense(10),
    ),
    batch_size=16,
)

# Sequences: the rows of an image, from the top one down. Small minibatches have fewer examples, so that the slowest
# peer's turn takes seconds.
W4 = replace(W2, name="W4", inputs=(28, 28), layers=(Recurrence(128, "lstm"), Dense(10)), rows=12_800)
W4_GRU = replace(W4, name="W4-GRU", layers=(Recurrence(128, "gru"), Dense(10)))
W4_BATCH_16 = replace(W4, name="W4-batch-16", rows=3_200, batch_size=16, epochs_per_turn=2)
W4_BATCH_1 = replace(W4, name="W4-batch-1", rows=400, batch_size=1, epochs_per_turn=2)

ALL = (
    *(W1, W2, W1_DENSE, W2_DENSE),
    *(T1, T2),
    *(W3, CONV1D, CONV3D, DEPTHWISE),
    *(W4, W4_GRU, W4_BATCH_16, W4_BATCH_1),
)
WORKLOADS = {workload.name: workload for workload in ALL}
