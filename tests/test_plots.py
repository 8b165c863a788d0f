"""The pictures: every kind of network gives one, without pyplot, and says what it shows."""

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest import plots
from likeliest.history import History

pytest.importorskip("matplotlib")

PNG = b"\x89PNG\r\n\x1a\n"
BERNOULLI, TEN = ll.likelihoods.Bernoulli(), ll.likelihoods.Categorical(10)


def build(*widths: int, likelihood: Any = BERNOULLI, inputs: Any = 64, activation: str = "logistic") -> ll.Network:
    layers = [ll.Dense(width, activation) for width in widths]
    return ll.Network(layers, likelihood=likelihood, engine="reference").build(inputs, seed=0)


def png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(PNG)
    return buffer.getvalue()


def texts(figure: Any) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text")))


@pytest.fixture
def images() -> Any:
    return np.random.default_rng(0).random((30, 8, 8)).astype(np.float32)


NETWORKS = [
    ((1,), BERNOULLI),
    ((8,), BERNOULLI),
    ((), BERNOULLI),
    ((40, 12, 3), BERNOULLI),
    ((512,), TEN),
    ((), TEN),
]


@pytest.mark.parametrize(("widths", "likelihood"), NETWORKS)
def test_every_kind_of_network_has_its_pictures(widths: tuple[int, ...], likelihood: Any, images: Any) -> None:
    net = build(*widths, likelihood=likelihood, activation="tanh")
    png(plots.network(net, images[0], max_cells=4))
    png(plots.hidden_weights(net, max_cells=6))
    png(plots.hidden_weights(net, layer=len(widths) + 1, max_cells=6))
    assert "inputs" in texts(plots.network(net))


def test_learning_curve_draws_on_given_axes_and_history_plots() -> None:
    history = History(
        log_likelihood=[-0.7, -0.1, -0.01],
        validation_log_likelihood=[-0.6, -0.2, -0.3],
        seconds=[0.1] * 3,
        best_epoch=1,
    )
    axes = history.plot()
    assert history.plot(ax=axes) is axes
    assert "epoch 2 was best" in axes.get_legend().get_texts()[2].get_text()
    assert axes._repr_png_().startswith(PNG)  # what a notebook shows
    low, high = axes.get_ylim()
    assert low < -0.7 < -0.01 < high <= 0


@pytest.mark.parametrize(
    "history",
    [
        History(),
        History(log_likelihood=[-0.5], seconds=[0.1]),
        History(log_likelihood=[0.0, 0.5], seconds=[0.1, 0.1]),
        History(log_likelihood=[-0.5] * 100, seconds=[100.0] * 100, stopped="interrupted", first_epoch=7),
    ],
)
def test_learning_curve_of_awkward_histories(history: History) -> None:
    png(plots.learning_curve(history).figure)


def test_hidden_weights_share_one_symmetric_scale_and_are_sorted_by_their_vote() -> None:
    net = build(5)
    net.parameters["output.W"] = np.array([[0.5], [-2.0], [-0.01], [3.0], [-1.0]])
    figure = plots.hidden_weights(net)
    scales = {image.get_clim() for axes in figure.axes[:5] for image in axes.get_images()}
    assert len(scales) == 1
    low, high = scales.pop()
    assert low == -high
    assert high == pytest.approx(np.abs(net.parameters["dense_1.W"]).max())
    assert [axes.get_title() for axes in figure.axes[:5]] == [
        "$h_{2}$   −2.0", "$h_{5}$   −1.0", "$h_{3}$   0.0", "$h_{1}$   +0.5", "$h_{4}$   +3.0",
    ]  # fmt: skip
    assert np.array_equal(figure.axes[0].get_images()[0].get_array(), net.parameters["dense_1.W"][:, 1].reshape(8, 8))


def test_hidden_weights_of_inputs_that_are_no_image_are_a_table() -> None:
    figure = plots.hidden_weights(build(4, inputs=7))
    assert figure.axes[0].get_images()[0].get_array().shape == (7, 4)
    assert "from input" in figure.axes[0].get_ylabel()
    png(figure)


def test_misread_shows_the_worst_with_belief_and_truth(images: Any) -> None:
    net = build(4)
    labels = 1 - net.predict(images.reshape(30, -1))
    figure = plots.misread(net, images, labels, max_images=12)
    assert figure.get_suptitle() == "30 of 30 misread; the 12 worst"
    assert len(figure.axes) == 12
    worst = np.argmin(net.log_likelihood(images.reshape(30, -1), labels, per_example=True))
    assert np.array_equal(figure.axes[0].get_images()[0].get_array(), images[worst])
    assert figure.axes[0].get_xlabel() == f"is {labels[worst]}"
    png(figure)


def test_misread_without_mistakes_shows_doubts(images: Any) -> None:
    net = build(4, likelihood=TEN)
    figure = plots.misread(net, images, net.predict(images.reshape(30, -1)), class_names=list("abcdefghij"))
    assert figure.get_suptitle() == "None of 30 misread; the 10 doubted most"
    png(figure)


def test_network_fills_cells_and_names_what_it_leaves_out(images: Any) -> None:
    net = build(20, 3)
    shown = texts(plots.network(net, images[0], max_cells=5))
    assert "64 inputs,\n5 shown" in shown
    assert "$h^{(1)}$: 20 logistic cells,\n5 shown" in shown
    assert "$h^{(2)}$: 3 logistic cells" in shown
    y_hat = net.predict_proba(images[:1].reshape(1, -1))[0, 1]
    assert f"ŷ = P(Y = 1 | x) = {y_hat:.2f}" in shown


def test_network_of_inputs_that_are_no_image() -> None:
    png(plots.network(build(2, inputs=3), [0.0, -1.0, 20.0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: plots.hidden_weights(net, layer=3), "layer: expected a whole number from 1 to 2"),
        (lambda net: plots.hidden_weights(net, layer=0), "layer"),
        (lambda net: plots.hidden_weights(net, max_cells=0), "max_cells"),
        (lambda net: plots.hidden_weights(net, (7, 9)), "image_shape"),
        (lambda net: plots.hidden_weights(net, class_names=["a"]), "class_names: the likelihood has 2 classes"),
        (lambda net: plots.network(net, max_cells=-1), "max_cells"),
        (lambda net: plots.misread(net, np.zeros((0, 8, 8)), []), "images: there are none"),
        (lambda net: plots.misread(net, np.zeros((1, 8, 8)), [0], max_images=0), "max_images"),
    ],
)
def test_wrong_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(build(3))


def test_pictures_leave_pyplot_alone() -> None:
    code = (
        "import sys, likeliest as ll; from likeliest import plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "net = ll.Network([ll.Dense(2, 'relu')], likelihood=ll.likelihoods.Bernoulli(), engine='reference').build(4)\n"
        "plots.network(net); plots.hidden_weights(net)\n"
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_matplotlib_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from likeliest.plots import canvas

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    canvas._figure_class.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'likeliest\[plots\]'"):
        plots.learning_curve(History())
