"""What a network and a history look like in print."""

import likeliest as ll


def test_summary_shows_shapes_parameters_and_memory() -> None:
    net = ll.Network([ll.Flatten(), ll.Dense(30, "relu")], likelihood=ll.likelihoods.Categorical(10)).build((28, 28))
    lines = net.summary().splitlines()
    assert [line.split() for line in lines if "─" not in line][:5] == [
        ["value", "shape", "operation", "parameters"],
        ["x", "(n,", "28,", "28)"],
        ["flatten_1.h", "(n,", "784)", "reshape"],
        ["dense_1.z", "(n,", "30)", "affine", "23,550"],
        ["dense_1.h", "(n,", "30)", "relu"],
    ]
    assert lines[-4].strip("─") == ""
    assert lines[-3] == "likelihood Categorical(classes=10), engine native, float32"
    assert lines[-2] == "θ: 23,860 numbers, 93.2 KiB; state of Adam: 186.4 KiB"
    assert lines[-1] == "values of one example: 1,638 numbers, 6.398 KiB"
    assert max(map(len, lines)) < 80


def test_summary_counts_the_state_of_the_optimizer_in_use() -> None:
    net = ll.Network([], likelihood=ll.likelihoods.Bernoulli(), dtype="float64", engine="reference")
    net.fit([[0.0], [1.0]], [0, 1], optimizer=ll.optimizers.GradientAscent(0.1), epochs=1, seed=0)
    assert "engine reference, float64" in net.summary()
    assert "θ: 2 numbers, 16 bytes; state of GradientAscent: 0 bytes" in net.summary()


def test_repr_is_what_one_would_write() -> None:
    net = ll.Network([ll.Dense(3, "tanh")], likelihood=ll.likelihoods.Bernoulli())
    assert repr(net) == (
        "Network([Dense(width=3, activation='tanh', initializer=None, bias_initializer=None, bias=True, "
        "max_norm=None)], likelihood=Bernoulli())"
    )
    net = ll.Network(
        [], likelihood=ll.likelihoods.Categorical(3), initializer="he", engine="reference", dtype="float64"
    )
    assert repr(net) == (
        "Network([], likelihood=Categorical(classes=3), initializer='he', engine='reference', dtype='float64')"
    )


def test_history_in_one_line() -> None:
    history = ll.History([-0.5, -0.25], [-0.6, -0.3], [0.5, 0.5], stopped="callback")
    assert repr(history) == (
        "History(epochs=2, log_likelihood=-0.25, validation_log_likelihood=-0.3, seconds=1, stopped='callback')"
    )
    assert repr(ll.History(stopped="interrupted")) == "History(epochs=0, stopped='interrupted')"
