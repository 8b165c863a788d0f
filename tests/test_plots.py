"""The pictures: every kind of network gives one, without pyplot, and says what it shows."""

import io
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

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


def test_pictures_of_classes_say_so_to_a_network_without() -> None:
    from likeliest.plots.anatomy import output_names

    with pytest.raises(ValueError, match="a likelihood with classes, found"):
        output_names(SimpleNamespace(likelihood=SimpleNamespace(classes=None)))  # type: ignore[arg-type]


def test_pictures_leave_pyplot_alone() -> None:
    code = (
        "import sys, likeliest as ll; from likeliest import plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "net = ll.Network([ll.Dense(2, 'relu')], likelihood=ll.likelihoods.Bernoulli(), engine='reference').build(4)\n"
        "plots.network(net); plots.hidden_weights(net); plots.WeightsDisplay.from_estimator(net)\n"
        "plots.ReliabilityDisplay.from_predictions([0, 1], [0.2, 0.9]); plots.CoverageDisplay.from_predictions([0.5])\n"
        "plots.IntervalDisplay.from_predictions([1.0], [0.0], [1.0], [2.0])\n"
        "plots.LearningCurveDisplay.from_history(ll.History([-1.0], [], [0.1]))\n"
        "assert 'sklearn' not in sys.modules and 'scipy' not in sys.modules\n"
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_matplotlib_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from likeliest.plots import canvas

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    canvas._figure_class.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'likeliest\[plots\]'"):
        plots.learning_curve(History())


# Displays


def labels(display: Any) -> list[str]:
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def predictor(distribution: Any) -> Any:
    return SimpleNamespace(predict_dist=lambda X: distribution)


DISPLAYS = {
    "reliability": lambda **kw: plots.ReliabilityDisplay.from_predictions([0, 1, 1, 0], [0.1, 0.8, 0.6, 0.3], **kw),
    "coverage": lambda **kw: plots.CoverageDisplay.from_predictions([0.1, 0.5, 0.9], **kw),
    "interval": lambda **kw: plots.IntervalDisplay.from_predictions([1, 2], [0, 1], [1, 2], [2, 3], **kw),
    "learning": lambda **kw: plots.LearningCurveDisplay.from_history(History([-0.7, -0.5], [-0.6, -0.8], [1, 1]), **kw),
    "heat": lambda **kw: plots.WeightsDisplay.from_estimator(build(3, inputs=4), **kw),
    "bar": lambda **kw: plots.WeightsDisplay.from_estimator(build(3, inputs=4), kind="bar", **kw),
    "image": lambda **kw: plots.WeightsDisplay.from_estimator(build(3), image_shape=(8, 8), **kw),
}


@pytest.mark.parametrize("kind", DISPLAYS)
def test_every_display_has_its_axes_and_draws_again_on_them(kind: str) -> None:
    display = DISPLAYS[kind]()
    assert display.ax_.figure is display.figure_
    assert display._repr_png_().startswith(PNG)
    png(display.figure_)
    size = tuple(display.figure_.get_size_inches())
    assert size == (6.4, 4.8)
    ax = display.ax_
    assert display.plot(ax=ax, **({"kind": kind} if kind == "bar" else {})) is display
    assert display.ax_ is ax
    assert DISPLAYS[kind](ax=ax).ax_ is ax
    png(display.figure_)
    assert len(display.figure_.axes) == 1  # nothing else takes room, however often it is drawn
    assert len(ax.child_axes) == (kind in ("heat", "image"))


def test_displays_draw_on_the_axes_of_a_figure_of_pyplot_and_leave_showing_it_to_the_notebook() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = DISPLAYS["reliability"](ax=right)
    assert display.ax_ is right
    assert not left.lines
    assert right.lines
    assert display._repr_png_() is None


def reliability_by_hand(p: Any, y: Any, edges: Any) -> list[tuple[float, float, int]]:
    """(mean prediction, frequency, count) of each bin (low, high], the first one closed, one example at a time."""
    found = []
    for b in range(len(edges) - 1):
        rows = [i for i in range(len(p)) if p[i] <= edges[b + 1] and (p[i] > edges[b] or b == 0)]
        if rows:
            found.append((sum(p[i] for i in rows) / len(rows), sum(y[i] for i in rows) / len(rows), len(rows)))
    return found


@pytest.mark.parametrize("n_bins", [1, 7, 10])
def test_reliability_counts_are_those_by_hand(n_bins: int) -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(0.5, 0.5, 300).round(2)  # many on the edges
    y = (rng.random(300) < p**2).astype(int)
    display = plots.ReliabilityDisplay.from_predictions(y, p, n_bins=n_bins)
    expected = reliability_by_hand(p, y, np.linspace(0, 1, n_bins + 1))
    np.testing.assert_allclose(display.prob_pred, [row[0] for row in expected])
    np.testing.assert_allclose(display.prob_true, [row[1] for row in expected])
    assert display.counts.tolist() == [row[2] for row in expected]
    error = sum(count / 300 * abs(f - m) for m, f, count in expected)
    assert display.expected_calibration_error == pytest.approx(error, abs=1e-12)
    assert f"calibration error {error:.3f}, n = 300" in labels(display)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_reliability_is_scikit_learns_calibration_curve(strategy: str) -> None:
    from sklearn.calibration import calibration_curve

    rng = np.random.default_rng(2)
    p = rng.random(101)
    y = rng.random(101) < p
    prob_true, prob_pred = calibration_curve(y, p, n_bins=6, strategy=strategy)
    display = plots.ReliabilityDisplay.from_predictions(y, p, n_bins=6, strategy=strategy)
    np.testing.assert_allclose(display.prob_true, prob_true)
    np.testing.assert_allclose(display.prob_pred, prob_pred)
    if strategy == "quantile":
        assert display.counts.max() - display.counts.min() <= 1


def test_reliability_bars_are_wilsons_intervals() -> None:
    p, y = np.repeat([0.1, 0.5, 0.95], [5, 40, 9]), np.r_[np.zeros(5), np.tile([0, 1], 20), np.ones(9)].astype(int)
    display = plots.ReliabilityDisplay.from_predictions(y, p)
    lower, upper = display.interval(0.9)
    for k, (f, n) in enumerate(zip(display.prob_true, display.counts, strict=True)):
        expected = stats.binomtest(round(f * n), int(n)).proportion_ci(0.9, method="wilson")
        np.testing.assert_allclose([lower[k], upper[k]], expected, atol=1e-12)
    assert (lower <= display.prob_true).all()
    assert (display.prob_true <= upper).all()


def test_reliability_of_many_classes_looks_at_the_likeliest_or_at_one() -> None:
    rng = np.random.default_rng(3)
    P = rng.dirichlet(np.ones(3), 200)
    y = np.array(["a", "b", "c"])[rng.integers(0, 3, 200)]
    classifier = SimpleNamespace(predict_proba=lambda X: P, classes_=np.array(["a", "b", "c"]))
    top = plots.ReliabilityDisplay.from_estimator(classifier, None, y, n_bins=5)
    by_hand = reliability_by_hand(
        P.max(axis=1), ["abc"[k] == label for k, label in zip(P.argmax(axis=1), y, strict=True)], np.linspace(0, 1, 6)
    )
    np.testing.assert_allclose(top.prob_true, [row[1] for row in by_hand])
    assert top.event is None
    assert "likeliest class" in top.ax_.get_xlabel()
    one = plots.ReliabilityDisplay.from_estimator(classifier, None, y, n_bins=5, pos_label="b", ax=top.ax_, name="b")
    np.testing.assert_allclose(
        one.prob_true, [row[1] for row in reliability_by_hand(P[:, 1], y == "b", np.linspace(0, 1, 6))]
    )
    assert top.line_.get_color() != one.line_.get_color()
    assert labels(one)[0] == "perfectly calibrated"
    assert [label.split("\n")[0] for label in labels(one)[1:]] == ["SimpleNamespace", "b"]


def test_reliability_of_a_network_and_of_scikit_learns_pipeline() -> None:
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    display = plots.ReliabilityDisplay.from_estimator(model, X, y)
    np.testing.assert_array_equal(display.y_prob, model.predict_proba(X)[:, 1])
    net = build(3, inputs=4)
    display = plots.ReliabilityDisplay.from_estimator(net, np.eye(4), [0, 1, 1, 1], color="k")
    np.testing.assert_allclose(display.y_prob, net.predict_proba(np.eye(4))[:, 1])
    assert display.line_.get_color() == "k"


def test_coverage_is_the_distribution_of_the_transform() -> None:
    rng = np.random.default_rng(4)
    mu = rng.normal(size=400)
    y = rng.normal(mu, 1)
    right = plots.CoverageDisplay.from_estimator(predictor(stats.norm(mu, 1)), mu, y)
    u = stats.norm.cdf(y - mu)
    np.testing.assert_allclose(right.observed, [(u <= p).mean() for p in np.linspace(0, 1, 101)])
    narrow = plots.CoverageDisplay.from_estimator(predictor(stats.norm(mu, 0.4)), mu, y, ax=right.ax_)
    assert right.calibration_error < 0.03 < narrow.calibration_error
    assert np.abs(right.observed - right.nominal).max() == pytest.approx(stats.kstest(u, "uniform").statistic, abs=0.01)
    assert f"calibration error {narrow.calibration_error:.3f}, n = 400" in labels(narrow)[2]
    assert narrow.observed[10] > 0.2
    assert narrow.observed[90] < 0.8


def test_coverage_of_counts_is_uniform_in_expectation() -> None:
    rate = np.array([0.3, 1.0, 4.0])
    y = np.arange(60)
    weights = stats.poisson(rate[:, None]).pmf(y)
    lower, upper = stats.poisson(rate[:, None]).cdf(y - 1), stats.poisson(rate[:, None]).cdf(y)
    from likeliest.plots.coverage import _share_below

    for p in (0.05, 0.3, 0.5, 0.99):
        np.testing.assert_allclose((weights * _share_below(p, lower, upper)).sum(axis=1), p, atol=1e-12)
    drawn = stats.poisson(2.0).rvs(2000, random_state=5)
    assert plots.CoverageDisplay.from_estimator(predictor(stats.poisson(2.0)), None, drawn).calibration_error < 0.02


def test_coverage_of_a_distribution_whose_pmf_says_that_it_has_none() -> None:
    class Continuous:
        def cdf(self, y: Any) -> Any:
            return np.asarray(y)

        def pmf(self, y: Any) -> Any:
            raise AttributeError("continuous")

    display = plots.CoverageDisplay.from_estimator(predictor(Continuous()), None, [0.25, 0.75])
    assert display.observed[[24, 25, 74, 75]].tolist() == [0, 0.5, 0.5, 1]


def test_intervals_cover_what_they_say_and_come_in_the_order_of_the_prediction() -> None:
    rng = np.random.default_rng(6)
    mu = rng.normal(size=500)
    y = rng.normal(mu, 2)
    display = plots.IntervalDisplay.from_estimator(predictor(stats.norm(mu, 2)), mu, y, levels=(0.9, 0.5), max_rows=40)
    assert display.levels == (0.5, 0.9)
    z = np.abs(y - mu) / 2
    np.testing.assert_allclose(display.coverage, [(z <= 0.674489750196).mean(), (z <= 1.644853626951).mean()])
    np.testing.assert_allclose(np.c_[display.lower[:, 1], display.upper[:, 1]].T, stats.norm(mu, 2).interval(0.9))
    assert labels(display)[:2] == [
        f"90 % interval: holds {100 * display.coverage[1]:.1f} % of y",
        f"50 % interval: holds {100 * display.coverage[0]:.1f} % of y",
    ]
    drawn = display.median_.get_ydata()
    assert len(drawn) == 40
    assert (np.diff(drawn) >= 0).all()
    assert (drawn[0], drawn[-1]) == (mu.min(), mu.max())
    inside, outside = display.truth_.get_xdata(), display.outside_.get_xdata()
    assert sorted([*inside, *outside]) == list(range(1, 41))


def test_intervals_of_a_pipeline_see_its_transformed_examples() -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    class Regressor:
        def fit(self, X: Any, y: Any) -> Any:
            return self

        def predict_dist(self, X: Any) -> Any:
            return stats.norm(X[:, 0], 1)

    model = make_pipeline(FunctionTransformer(lambda X: 10 * X), Regressor())
    X, y = np.array([[1.0], [2.0]]), [10, 30]
    search = SimpleNamespace(best_estimator_=model)
    display = plots.IntervalDisplay.from_estimator(search, X, y, levels=0.5, name="tenfold")
    assert display.median.tolist() == [10, 20]
    assert display.coverage.tolist() == [0.5]
    assert display.ax_.get_title().endswith("tenfold")


def test_learning_curve_display_keeps_the_numbers() -> None:
    history = History([-0.7, -0.3, -0.2], [-0.6, -0.4, -0.5], [0.1] * 3, first_epoch=10, best_epoch=1)
    model = SimpleNamespace(steps=[("net", SimpleNamespace(history_=history))])
    display = plots.LearningCurveDisplay.from_estimator(model, alpha=0.5)
    assert display.epochs.tolist() == [11, 12, 13]
    assert display.best_epoch == 12
    assert display.ax_.lines[0].get_ydata().tolist() == display.log_likelihood.tolist() == [-0.7, -0.3, -0.2]
    assert display.ax_.lines[1].get_ydata().tolist() == display.validation_log_likelihood.tolist()
    assert display.ax_.lines[0].get_alpha() == 0.5
    assert display.ax_.lines[2].get_xdata().tolist() == [12]


def test_weights_display_by_input() -> None:
    net = build(3, inputs=4)
    W = np.array([[1, -2, 0], [0.5, 0, 0], [0, 0, -4], [1, 1, 1]])
    net.parameters["dense_1.W"] = W
    model = SimpleNamespace(network_=net, feature_names_in_=np.array(["a", "b", "$c", "d"]))
    display = plots.WeightsDisplay.from_estimator(model, kind="bar", max_inputs=3)
    assert display.strength.tolist() == [3, 0.5, 4, 3]
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["a", "d", r"\$c"]
    assert [bar.get_width() for bar in display.bars_] == [3, 3, 4]
    assert display.ax_.get_title() == "Weights by input: the 3 strongest of 4"
    display.plot(max_cells=2)
    assert display.image_.get_array().tolist() == W[:, 1:].tolist()
    assert display.ax_.get_xlabel() == "cell of dense_1, the 2 strongest of 3"
    low, high = display.image_.get_clim()
    assert (low, high) == (-4, 4)
    output = plots.WeightsDisplay.from_estimator(model, layer="output")
    assert output.feature_names == ["1", "2", "3"]
    assert output.W.shape == (3, 1)


def test_weights_display_as_images() -> None:
    net = build(2, inputs=12)
    display = plots.WeightsDisplay.from_estimator(net, image_shape=(3, 4))
    W = net.parameters["dense_1.W"]
    mosaic = display.image_.get_array()
    assert mosaic.shape == (3, 9)
    np.testing.assert_array_equal(mosaic[:, :4], W[:, 0].reshape(3, 4))
    np.testing.assert_array_equal(mosaic[:, 5:], W[:, 1].reshape(3, 4))
    assert mosaic.mask[:, 4].all()


def test_learning_rates_marks_the_suggestion() -> None:
    rates = np.logspace(-4, 1, 30)
    smoothed = -0.7 + 0.1 * np.log10(rates / 1e-4)
    smoothed[25:] = [-2, -50, -1e6, -np.inf, np.nan]
    finder = SimpleNamespace(learning_rates=rates, log_likelihood=smoothed - 0.01, smoothed=smoothed, suggestion=0.01)
    ax = plots.learning_rates(finder)
    assert plots.learning_rates(finder, ax=ax) is ax
    assert ax.get_legend().get_texts()[2].get_text() == "suggestion: learning_rate = 0.01"
    marked = ax.lines[3]
    assert (marked.get_xdata()[0], marked.get_ydata()[0]) == (0.01, pytest.approx(-0.5))
    low, high = ax.get_ylim()
    assert -2 < low < -0.7
    assert smoothed[24] < high < 0
    png(ax.figure)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: plots.ReliabilityDisplay.from_predictions([0, 1], [0.5]),
            "y_prob: expected as many rows as y_true, 2",
        ),
        (lambda: plots.ReliabilityDisplay.from_predictions([0, 1], [0.5, 1.5]), "from 0 to 1, found 1.5 in row 1"),
        (lambda: plots.ReliabilityDisplay.from_predictions([0, 1], [0.5, np.nan]), "y_prob: expected finite"),
        (lambda: plots.ReliabilityDisplay.from_predictions([], []), "y_true: expected one class an example"),
        (lambda: plots.ReliabilityDisplay.from_predictions([[0, 1]], [[0.5, 0.1]]), "give one column"),
        (lambda: plots.ReliabilityDisplay.from_predictions(["n", "y"], [0.5, 0.5]), "pos_label: which class"),
        (lambda: plots.ReliabilityDisplay.from_predictions([0, 3], np.full((2, 2), 0.5)), r"found .*3.* in row 1"),
        (lambda: plots.ReliabilityDisplay.from_predictions([0, 1], np.full((2, 2), 0.5), pos_label=7), "pos_label"),
        (lambda: plots.ReliabilityDisplay.from_predictions([0, 1], np.full((2, 2), 0.5), classes=[1]), "classes: exp"),
        (lambda: plots.ReliabilityDisplay.from_predictions([0, 1], [0.5, 0.5], n_bins=0), "n_bins"),
        (lambda: plots.ReliabilityDisplay.from_predictions([0, 1], [0.5, 0.5], strategy="wide"), "strategy"),
        (lambda: plots.ReliabilityDisplay.from_estimator(object(), [], []), "predict_proba, found object"),
        (lambda: plots.CoverageDisplay.from_estimator(object(), [], [1]), "predict_dist"),
        (lambda: plots.CoverageDisplay.from_predictions([0.5], [0.7]), "cdf_below: expected at most cdf, 0.5"),
        (lambda: plots.CoverageDisplay.from_predictions([-0.1]), "cdf: expected numbers from 0 to 1"),
        (lambda: plots.IntervalDisplay.from_predictions([[1, 2]], [0], [1], [2]), r"y_true: expected shape \(n,\)"),
        (lambda: plots.IntervalDisplay.from_predictions([1], [3], [1], [2]), "lower: expected at most upper"),
        (lambda: plots.IntervalDisplay.from_predictions([1], [0], [1], [2], levels=(0.5, 0.9)), "a column a level"),
        (
            lambda: plots.IntervalDisplay.from_predictions([1], [0], [1], [2], levels=90),
            "levels: expected numbers betw",
        ),
        (lambda: plots.IntervalDisplay.from_predictions([1], [0], [1], [2], max_rows=0), "max_rows"),
        (lambda: plots.LearningCurveDisplay.from_estimator(object()), "history_"),
        (lambda: plots.LearningCurveDisplay.from_history([1]), "history: expected the History"),
        (lambda: plots.WeightsDisplay.from_estimator(object()), "network_"),
        (lambda: plots.WeightsDisplay.from_estimator(build(3), layer="conv"), "expected one of dense_1, output"),
        (lambda: plots.WeightsDisplay.from_estimator(build(3), feature_names=["a"]), "dense_1 has 64 inputs, found 1"),
        (lambda: plots.WeightsDisplay.from_estimator(build(3), image_shape=(3, 4)), "image_shape: expected"),
        (lambda: plots.WeightsDisplay.from_estimator(build(3), kind="image"), "kind: images need image_shape"),
        (lambda: plots.WeightsDisplay.from_estimator(build(3), kind="pie"), "kind: expected one of heat"),
        (lambda: plots.WeightsDisplay.from_estimator(build(3), max_inputs=0), "max_inputs"),
        (lambda: plots.learning_rates(object()), "finder: expected a learning-rate finder"),
        (
            lambda: plots.learning_rates(
                SimpleNamespace(learning_rates=[1], log_likelihood=[1, 2], smoothed=[1], suggestion=None)
            ),
            "of one length",
        ),
    ],
)
def test_displays_name_what_is_wrong(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_held_out_examples_need_not_be_looked_at_after_every_epoch() -> None:
    nan = float("nan")
    history = ll.History([-1.0, -0.2, -0.01, -0.005], [nan, -0.3, nan, -0.2], [0.1] * 4, best_epoch=3)
    ax = plots.LearningCurveDisplay.from_history(history).ax_
    curve = ax.lines[1]
    assert curve.get_xdata().tolist() == [2, 4]
    assert curve.get_ydata().tolist() == [-0.3, -0.2]


def test_augmented_images() -> None:
    X = np.random.default_rng(0).integers(0, 256, (3, 10, 12), dtype=np.uint8)
    augment = [ll.augmentation.Shift(2), ll.augmentation.Rotate(15)]
    display = plots.AugmentationDisplay.from_images(augment, X, n=4)
    png(display.figure_)
    np.testing.assert_array_equal(display.augmented, ll.augmentation.preview(augment, X, n=4))
    drawn = [image.get_array() for image in display.ax_.images]
    np.testing.assert_array_equal(np.array(drawn).reshape(3, 5, 10, 12)[:, 0], X)
    np.testing.assert_array_equal(np.array(drawn).reshape(3, 5, 10, 12)[:, 1:], display.augmented)
    for channels in (1, 3):
        colours = np.repeat(X[..., None], channels, axis=-1)
        png(plots.AugmentationDisplay.from_images(augment, colours, n=1).figure_)
    ax = display.ax_.figure.add_subplot()
    assert plots.AugmentationDisplay.from_images(augment, X, ax=ax).ax_ is ax
    with pytest.raises(ValueError, match=r"^originals: expected images"):
        plots.AugmentationDisplay(X[0], X)
    with pytest.raises(ValueError, match=r"^augmented: expected shape \(3, n, 10, 12\)"):
        plots.AugmentationDisplay(X, X)
    with pytest.raises(ValueError, match=r"^augment: "):
        plots.AugmentationDisplay.from_images([ll.augmentation.Shift((1, 2, 3))], X)


# Convolutions --------------------------------------------------------------------------------------------------------


def convolutional(*shape: int, **options: Any) -> ll.Network:
    layers = [ll.Conv2D(6, 3, "relu", **options), ll.MaxPool2D(2), ll.Conv2D(20, (2, 3), "tanh"), ll.Flatten()]
    return ll.Network(layers, likelihood=TEN).build(shape, seed=0)


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 3), (12, 10, 5)])
def test_kernels_are_drawn_as_they_are(shape: tuple[int, ...]) -> None:
    net = convolutional(*shape)
    display = plots.KernelsDisplay.from_estimator(net)
    W = net.parameters["conv2d_1.W"]
    assert np.array_equal(display.W, W.astype(np.float64))
    png(display.figure_)
    drawn = np.asarray(display.image_.get_array())
    gray = 0.5 + 0.5 * W[..., 0] / np.quantile(np.abs(W), 1.0)
    np.testing.assert_allclose(drawn[:3, :3], gray if shape[2:] == (3,) else W[:, :, 0, 0], atol=1e-6)
    second = plots.KernelsDisplay.from_estimator(net, layer="conv2d_2", max_cells=4, max_channels=2)
    assert "the 4 strongest of 20 cells" in second.ax_.get_title()
    assert "the 2 strongest of 6" in second.ax_.get_title()
    assert second.plot(ax=second.ax_) is second
    assert len(second.ax_.child_axes) == 1
    png(second.figure_)


def test_kernels_along_time_and_of_transposed_convolutions() -> None:
    series = ll.Network([ll.Conv1D(4, 5), ll.GlobalAvgPool()], likelihood=TEN).build((20, 2), seed=0)
    assert plots.KernelsDisplay.from_estimator(series).W.shape == (2, 5, 1, 4)
    back = ll.Network([ll.ConvTranspose2D(4, 3), ll.Flatten()], likelihood=TEN).build((5, 5, 2), seed=0)
    assert plots.KernelsDisplay.from_estimator(back).W.shape == (3, 3, 2, 4)


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 3)])
def test_feature_maps_are_the_values_of_a_layer(shape: tuple[int, ...], images: Any) -> None:
    net, x = convolutional(*shape), np.random.default_rng(0).random(shape)
    display = plots.FeatureMapsDisplay.from_estimator(net, x)
    expected = net.trace(x[None]).values["conv2d_1.h"][0]
    assert np.array_equal(display.h, expected)
    np.testing.assert_allclose(np.asarray(display.image_.get_array())[:10, :8], expected[..., 0])
    png(display.figure_)
    second = plots.FeatureMapsDisplay.from_estimator(net, x[None], layer="conv2d_2", max_maps=5)
    assert "the 5 strongest of 20" in second.ax_.get_title()
    assert second.h.min() < 0
    png(second.plot(ax=second.ax_).figure_)
    assert plots.FeatureMapsDisplay.from_estimator(net, x, layer="max_pool2d_1").h.shape == (5, 4, 6)


def test_kernels_and_maps_of_estimators() -> None:
    X, y = np.random.default_rng(0).random((40, 8, 8)), np.arange(40) % 2
    model = ll.Classifier(layers="lenet5", max_iter=1, random_state=0).fit(X, y)
    assert plots.KernelsDisplay.from_estimator(model).W.shape == (5, 5, 1, 6)
    assert plots.FeatureMapsDisplay.from_estimator(model, X[0]).h.shape == (8, 8, 6)
    flat = ll.Classifier(hidden=(3,), max_iter=1, random_state=0).fit(X, y)
    png(plots.hidden_weights(flat.network_))  # images are rescaled and flattened there


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: plots.KernelsDisplay.from_estimator(build(3)), "its network has no convolution"),
        (lambda net: plots.KernelsDisplay.from_estimator(net, layer="conv2d_3"), "layer: expected one of conv2d_1, "),
        (lambda net: plots.KernelsDisplay.from_estimator(net, max_cells=0), "max_cells: expected a whole number"),
        (lambda net: plots.FeatureMapsDisplay.from_estimator(net, np.ones((3, 3))), "x: expected one example of shape"),
        (lambda net: plots.FeatureMapsDisplay.from_estimator(net, np.ones((12, 10)), layer="dense"), "layer: expected"),
        (lambda net: plots.FeatureMapsDisplay.from_estimator(net, np.ones((12, 10)), max_maps=0), "max_maps: expected"),
        (lambda net: plots.FeatureMapsDisplay.from_estimator(build(3), np.ones(64)), "no layer of this network has"),
    ],
)
def test_kernels_and_maps_that_are_not_there(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(convolutional(12, 10))
