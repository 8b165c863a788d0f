"""The network as HTML: well-formed, without scripts, with every layer, shape and count."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from typing import Any

import pytest

import likeliest as ll
from likeliest.assembly import assemble
from likeliest.html import BOX, LOW, TALL, meaning, network_html
from likeliest.program import Program, Step

BERNOULLI = ll.likelihoods.Bernoulli()
SVG = "{http://www.w3.org/2000/svg}"


class Balanced(HTMLParser):
    """Fails on a tag that is not closed in order, on scripts, and on handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag in {"div", "style", "p", "svg", "title", "path", "rect", "text", "g"}, tag
        assert not any(name.startswith("on") or name in ("href", "src") for name, _ in attrs)
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def boxes(page: str) -> list[list[str]]:
    """The lines of text of each picture, once the whole page has proved well-formed."""
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    ElementTree.fromstring(page)  # as strict as XML
    pictures = [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    return [[text.text or "" for text in picture.iter(f"{SVG}text")] for picture in pictures]


def heights(page: str) -> list[float]:
    return [float(value) for value in re.findall(rf'width="{BOX}" height="([0-9.]+)"', page)]


def test_every_layer_with_its_shape_and_parameters() -> None:
    net = ll.Network([ll.Flatten(), ll.Dense(128, "relu")], likelihood=ll.likelihoods.Categorical(10)).build((28, 28))
    page = network_html(net, title="digits")
    assert boxes(page) == [
        ["x", "inputs", "(n, 28, 28)"],
        ["Flatten", "reshape", "(n, 784)"],
        ["Dense", "relu", "(n, 128)", "100,480 parameters"],
        ["output", "η", "(n, 10)", "1,290 parameters"],
        ["Categorical", "P(y | η)", "likelihood"],
    ]
    assert '<p class="title">digits</p>' in page
    assert "softmax(η)" in page
    assert "θ: 101,770 numbers, 397.5 KiB, engine native, float32" in page
    assert f"dense_1: {ll.Dense(128, 'relu')!r}".replace("'", "&#x27;") in page


def test_heights_are_logarithms_of_widths() -> None:
    net = ll.Network([ll.Dense(10), ll.Dense(100)], likelihood=BERNOULLI).build(1000)
    tall = TALL - LOW
    assert heights(network_html(net)) == pytest.approx([TALL, LOW + tall / 3, LOW + 2 * tall / 3, LOW, LOW], abs=0.06)


def test_a_network_that_is_not_built_shows_what_its_layers_say() -> None:
    net = ll.Network([ll.Dense(32, "relu"), ll.Activation("gelu"), ll.Flatten()], likelihood=BERNOULLI)
    page = network_html(net, feature_names=["a", "b"])
    assert boxes(page) == [
        ["x", "inputs", "a", "b"],
        ["Dense", "relu", "(n, 32)"],
        ["Activation", "gelu"],
        ["Flatten", ""],
        ["output", "η", "(n, 1)"],
        ["Bernoulli", "P(y | η)", "likelihood"],
    ]
    assert "no θ yet" in page


def test_names_are_text_and_nothing_else() -> None:
    evil = ["<script>alert(1)</script>", "a & b", '"><img src=x onerror=y>', "]]>\x00\x1b"]
    page = network_html(ll.Network([], likelihood=BERNOULLI).build(4), feature_names=evil, title=evil[0])
    assert boxes(page)[0] == ["x", "inputs", "(n, 4)", "<script>alert(1)</…", "a & b", '"><img src=x onerr…', "]]>··"]
    assert "<script" not in page
    assert "<img" not in page


def test_of_many_names_a_few_are_written_out() -> None:
    page = network_html(ll.Network([], likelihood=BERNOULLI).build(2000), feature_names=[f"f{i}" for i in range(2000)])
    assert boxes(page)[0][2:] == ["(n, 2000)", "f0", "f1", "f2", "f3", "f4", "and 1,995 more"]
    assert len(page) < 10_000


def test_a_long_chain_is_a_picture_a_layer_that_wraps() -> None:
    net = ll.Network([ll.Dense(4, "tanh") for _ in range(60)], likelihood=BERNOULLI).build(4)
    page = network_html(net)
    assert len(boxes(page)) == 63
    assert "flex-wrap:wrap" in page


def test_a_program_with_operations_that_nobody_knows() -> None:
    class Strange:
        layers = ()
        likelihood, engine, dtype = BERNOULLI, "native", "float64"
        program = Program(
            (
                Step("quantum", ("x",), ("odd_1.Q",), "odd_1.q"),
                Step("twist<b>", ("odd_1.q",), (), "odd_1.h"),
                Step("affine", ("odd_1.h",), ("output.W",), "eta"),
            ),
            {"x": (20, 8), "odd_1.q": (8,), "odd_1.h": (8,), "eta": (1,)},
            {"odd_1.Q": (8, 8), "output.W": (8, 1), "shared": (1,)},
        )

    found = boxes(network_html(Strange()))  # type: ignore[arg-type]
    assert found[1] == ["odd_1", "quantum, twist<b>", "(n, 8)", "64 parameters"]
    assert found[2] == ["output", "η", "(n, 1)", "9 parameters"]  # what belongs to no layer belongs to the output


def test_meaning_of_a_likelihood_of_ones_own() -> None:
    class Mine(ll.likelihoods.Bernoulli):
        pass

    assert meaning(Mine()) == "Mine: P(y | η), η (n, 1)."
    assert meaning(ll.likelihoods.Categorical(3)).startswith("Categorical: η (n, K)")


def test_recurrences_and_sequences_that_differ_in_length() -> None:
    layer = ll.LSTM(16, bidirectional=True, recurrent_dropout=0.2, initial_state="learned", return_sequences=True)
    net = ll.Network([layer, ll.GRU(4)], likelihood=BERNOULLI, engine="reference").build((20, 3))
    assert boxes(network_html(net)) == [
        ["x", "inputs", "(n, 20, 3)"],
        [
            *("LSTM", "lstm", "(n, 20, 16)", "1,312 parameters"),
            *("backward", "lstm", "(n, 20, 16)", "1,312 parameters"),
            *("LSTM", "concatenate", "(n, 20, 32)"),
        ],
        ["GRU", "gru", "(n, 4)", "456 parameters"],
        ["output", "η", "(n, 1)", "5 parameters"],
        ["Bernoulli", "P(y | η)", "likelihood"],
    ]

    class Built:
        layers, likelihood, engine, dtype = (ll.GRU(4),), BERNOULLI, "reference", "float32"
        program = assemble([ll.GRU(4)], BERNOULLI, None, (20, 3), lengths=True)[0]

    assert boxes(network_html(Built())) == [  # type: ignore[arg-type]
        ["x", "inputs", "(n, 20, 3)", "or shorter"],
        ["GRU", "gru", "(n, 4)", "108 parameters"],
        ["output", "η", "(n, 1)", "5 parameters"],
        ["Bernoulli", "P(y | η)", "likelihood"],
    ]
