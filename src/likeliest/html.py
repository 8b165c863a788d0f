"""HTML: what a notebook shows of a network, drawn from its input to its likelihood."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from likeliest.likelihoods import Likelihood
from likeliest.ops import ACTIVATIONS
from likeliest.program import INPUT, Program, Shape
from likeliest.summary import _bytes, _shape

if TYPE_CHECKING:
    from likeliest.network import Network

NAMES = 6  # of inputs that are written out
BOX, ARROW = 122, 24  # pixels: a box's width, and the arrow's before it
TALL, LOW = 120, 44  # the heights of the widest layer and of a single number
LINE = 15  # of text below a box

# Colours follow the page's own text, so that light and dark pages both work.
STYLE = """
.likeliest-network{font:13px/1.45 system-ui,sans-serif;max-width:100%}
.likeliest-network .chain{display:flex;flex-wrap:wrap;align-items:flex-start;row-gap:12px;margin:6px 0}
.likeliest-network svg{flex:none;overflow:visible}
.likeliest-network text{font:12px system-ui,sans-serif;fill:currentColor;text-anchor:middle}
.likeliest-network .kind{font-weight:600}
.likeliest-network .small{font-size:11px;opacity:.75}
.likeliest-network rect{fill:#8888;fill-opacity:.18;stroke:currentColor;stroke-opacity:.55}
.likeliest-network .learned rect{fill:#0072b2;fill-opacity:.2;stroke:#3a94c9;stroke-opacity:1}
.likeliest-network .end rect{fill:#d55e00;fill-opacity:.2;stroke:#d9772b;stroke-opacity:1}
.likeliest-network path{fill:none;stroke:currentColor;stroke-opacity:.55;stroke-width:1.3}
.likeliest-network p{margin:2px 0}
.likeliest-network .title{font-weight:600}
""".strip()


@dataclass(frozen=True)
class Node:
    """One box of the chain.

    Attributes
    ----------
    kind : str
        What it is called.
    detail : str
        Its activation, or the names of its operations.
    below : tuple of str
        Lines under the box: shape, number of parameters.
    size : int or None
        How many numbers leave it for one example, which makes it tall; None when that is not known yet.
    place : {"plain", "learned", "end"}
        Without θ, with θ, or the likelihood.
    about : str
        All of it, for the tooltip.
    """

    kind: str
    detail: str
    below: tuple[str, ...]
    size: int | None
    place: str = "plain"
    about: str = ""


def network_html(net: Network, *, feature_names: Sequence[str] | None = None, title: str | None = None) -> str:
    """The network as a fragment of HTML: a box a layer, from the inputs to the likelihood, without scripts.

    The height of a box is the logarithm of how many numbers leave it. Blue boxes have parameters.

    Parameters
    ----------
    net : Network
        Built or not; without θ only what the layers say is drawn.
    feature_names : sequence of str, optional
        What the inputs are called; a few of them are written out.
    title : str, optional
        A line above; none by default.

    Returns
    -------
    str

    Examples
    --------
    >>> import likeliest as ll
    >>> from likeliest.html import network_html
    >>> net = ll.Network([ll.Dense(3, "tanh")], likelihood=ll.likelihoods.Bernoulli()).build(2)
    >>> page = network_html(net, feature_names=["height", "<script>"])
    >>> page.count("<svg"), "(n, 3)" in page, "&lt;script&gt;" in page
    (4, True, True)
    """
    program = _program(net)
    names = None if feature_names is None else [str(name) for name in feature_names]
    middle = _of_layers(net) if program is None else _of_program(program, net.layers)
    shape = None if program is None else program.input_shape
    nodes = [_input(shape, names), *middle, _end(net.likelihood)]
    lines = [f"<p>{_text(meaning(net.likelihood))}</p>", f"<p>{_text(_memory(net, program))}</p>"]
    head = "" if title is None else f'<p class="title">{_text(title)}</p>'
    return (
        f'<div class="likeliest-network"><style>{STYLE}</style>{head}<div class="chain">{_chain(nodes)}</div>'
        f"{''.join(lines)}</div>"
    )


def meaning(likelihood: Likelihood) -> str:
    """What η means: the first paragraph of the likelihood's page, for those of this package.

    >>> from likeliest.likelihoods import Bernoulli
    >>> meaning(Bernoulli())
    'Bernoulli: η (n, 1), y (n,) in {0, 1}, P(Y = 1 | η) = ŷ = σ(η).'
    """
    name = type(likelihood).__name__
    page = type(likelihood).__module__
    text = sys.modules[page].__doc__ if page.startswith("likeliest.likelihoods.") else None
    first = " ".join((text or "").strip().split("\n\n")[0].split())
    own = page.rpartition(".")[2].replace("_", "") == name.lower()  # student_t.py is StudentT's page
    return first if own and "η" in first else f"{name}: P(y | η), η (n, {likelihood.width})."


def _program(net: Network) -> Program | None:
    """The program, or None before there is one."""
    try:
        return net.program
    except RuntimeError:
        return None


def _input(shape: Shape | None, names: list[str] | None) -> Node:
    listed: tuple[str, ...] = ()
    if names:
        few = names if len(names) <= NAMES else names[: NAMES - 1]
        listed = (*few, *([f"and {len(names) - len(few):,} more"] if len(few) < len(names) else []))
    lines = listed if shape is None else (_shape(shape), *listed)
    about = "the inputs" + (f": {', '.join(names[:100])}" if names else "")
    return Node(INPUT, "inputs", lines, None if shape is None else math.prod(shape), "plain", about)


def _of_layers(net: Network) -> list[Node]:
    """The boxes of a network without θ: only what the layers say."""
    nodes = []
    for layer in net.layers:
        given: Any = getattr(layer, "width", None)
        width = int(given) if hasattr(given, "__index__") else None
        lines = () if width is None else (_shape((width,)),)
        activation = getattr(layer, "activation", getattr(layer, "name", ""))
        nodes.append(Node(type(layer).__name__, str(activation), lines, width, "plain", repr(layer)))
    q = net.likelihood.width
    return [*nodes, Node("output", "η", (_shape((q,)),), q, "plain", "the output layer")]


def _of_program(program: Program, layers: Iterable[Any]) -> list[Node]:
    """The boxes of a program: a layer's steps together, under the layer's name when it is known."""
    written = {}
    counts: dict[str, int] = {}
    for layer in layers:
        prefix = layer.prefix()
        counts[prefix] = counts.get(prefix, 0) + 1
        written[f"{prefix}_{counts[prefix]}"] = layer
    groups: dict[str, list[Any]] = {}
    for step in program.steps:
        groups.setdefault(step.output.rpartition(".")[0] or "output", []).append(step)
    parameters = dict.fromkeys(groups, 0)
    for name, shape in program.parameters.items():
        owner = name.rpartition(".")[0]
        parameters[owner if owner in groups else "output"] += math.prod(shape)
    nodes = []
    for group, steps in groups.items():
        shape = program.values[steps[-1].output]
        operations = [step.operation for step in steps]
        activations = [operation for operation in operations if operation in ACTIVATIONS]
        layer = written.get(group)
        kind = group if layer is None else type(layer).__name__
        detail = "η" if group == "output" else ", ".join(activations or operations)
        count = parameters[group]
        lines = (_shape(shape), *((f"{count:,} parameter" + "s" * (count != 1),) if count else ()))
        about = f"{group}: {', '.join(operations)}" if layer is None else f"{group}: {layer!r}"
        nodes.append(Node(kind, detail, lines, math.prod(shape), "learned" if count else "plain", about))
    return nodes


def _end(likelihood: Likelihood) -> Node:
    return Node(type(likelihood).__name__, "P(y | η)", ("likelihood",), likelihood.width, "end", repr(likelihood))


def _memory(net: Network, program: Program | None) -> str:
    """How much θ there is, the prior, and what computes."""
    parts = ["no θ yet: fit or build fixes the shapes"]
    if program is not None:
        size = program.size * (4 if net.dtype == "float32" else 8)
        parts = [f"θ: {program.size:,} numbers, {_bytes(size)}"]
    prior = getattr(net, "prior", None)
    return ", ".join([*parts, *([] if prior is None else [f"prior {prior!r}"]), f"engine {net.engine}", net.dtype])


def _chain(nodes: list[Node]) -> str:
    largest = math.log(max([node.size or 1 for node in nodes] + [2]))
    return "".join(_svg(node, largest, first=node is nodes[0]) for node in nodes)


def _svg(node: Node, largest: float, first: bool) -> str:
    """One box, with the arrow that leads to it, as a picture of its own: so a long chain wraps like words."""
    tall = LOW + (TALL - LOW) * math.log(max(node.size or 1, 1)) / largest
    left = 1 if first else ARROW
    x, middle, height = left + BOX / 2, 1 + TALL / 2, TALL + 8 + LINE * len(node.below)
    arrow = "" if first else f'<path d="M3 {middle}H{ARROW - 3}m-5 -4l5 4l-5 4"/>'
    box = f'<rect x="{left}" y="{middle - tall / 2:.1f}" width="{BOX}" height="{tall:.1f}" rx="6"/>'
    texts = [_line(node.kind, x, middle - 3, 16, "kind"), _line(node.detail, x, middle + 13, 17, "detail")]
    texts += [_line(line, x, TALL + LINE * (k + 1), 19, "small") for k, line in enumerate(node.below)]
    about = f"<title>{_text(node.about)}</title>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{node.place}" role="img" width="{left + BOX + 1}" '
        f'height="{height}">{about}{arrow}{box}{"".join(texts)}</svg>'
    )


def _line(text: str, x: float, y: float, most: int, css: str) -> str:
    short = text if len(text) <= most else text[: most - 1] + "…"
    return f'<text class="{css}" x="{x}" y="{y}">{_text(short)}</text>'


def _text(text: str) -> str:
    """Text that is nothing but text, in HTML and in XML."""
    return escape("".join(c if c.isprintable() else "·" for c in text))
