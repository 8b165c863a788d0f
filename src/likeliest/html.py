"""HTML: what a notebook shows of a network, drawn from its input to its likelihood."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from likeliest.layers import Graph, Layer
from likeliest.layers.base import numbered
from likeliest.likelihoods import Likelihood
from likeliest.ops import ACTIVATIONS, RECURRENCES
from likeliest.program import INPUT, LENGTHS, SEQUENCE, Program, Shape, Step, enclosing
from likeliest.summary import _bytes, _shape

if TYPE_CHECKING:
    from likeliest.network import Network

NAMES = 6  # of inputs that are written out
BOX, ARROW = 122, 24  # pixels: a box's width, and the arrow's before it
TALL, LOW = 120, 44  # the heights of the widest layer and of a single number
LINE = 15  # of text below a box
GAP = 40  # before a box that several arrows may lead to, or one from another row

# Colours follow the page's own text, so that light and dark pages both work.
STYLE = """
.likeliest-network{font:13px/1.45 system-ui,sans-serif;max-width:100%}
.likeliest-network .chain{display:flex;flex-wrap:wrap;align-items:flex-start;row-gap:12px;margin:6px 0}
.likeliest-network svg{flex:none;overflow:visible}
.likeliest-network .wide{max-width:100%;overflow-x:auto}
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
    """One box.

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
    sources : tuple of int
        Which boxes lead to it, by their places in the list of all; None is the one before.
    """

    kind: str
    detail: str
    below: tuple[str, ...]
    size: int | None
    place: str = "plain"
    about: str = ""
    sources: tuple[int, ...] | None = None


def network_html(net: Network, *, feature_names: Sequence[str] | None = None, title: str | None = None) -> str:
    """The network as a fragment of HTML: a box a layer, from the inputs to the likelihood, without scripts.

    The height of a box is the logarithm of how many numbers leave it. Blue boxes have parameters. Where the network
    branches, what runs side by side stands in rows, one picture from where it parts to where it meets again.

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
    longest = None if program is None else program.values.get(SEQUENCE)
    nodes = [_input(shape if longest is None else longest, names, longest is not None), *middle, _end(net.likelihood)]
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


def _input(shape: Shape | None, names: list[str] | None, shorter: bool) -> Node:
    listed: tuple[str, ...] = ()
    if names:
        few = names if len(names) <= NAMES else names[: NAMES - 1]
        listed = (*few, *([f"and {len(names) - len(few):,} more"] if len(few) < len(names) else []))
    lines = listed if shape is None else (_shape(shape), *(("or shorter",) if shorter else ()), *listed)
    about = "the inputs" + (f": {', '.join(names[:100])}" if names else "")
    return Node(INPUT, "inputs", lines, None if shape is None else math.prod(shape), "plain", about)


def _of_layers(net: Network) -> list[Node]:
    """The boxes of a network without θ: only what the layers say."""
    nodes = []
    for layer in net.layers:
        given: Any = getattr(layer, "width", None)
        width = int(given) if hasattr(given, "__index__") else None
        lines = () if width is None else (_shape((width,)),)
        inner = f"{len(layer.parts())} layers" if layer.parts() else ""
        activation = getattr(layer, "activation", getattr(layer, "name", inner))
        nodes.append(Node(type(layer).__name__, str(activation), lines, width, "plain", repr(layer)))
    q = net.likelihood.width
    return [*nodes, Node("output", "η", (_shape((q,)),), q, "plain", "the output layer")]


def _named(layers: Iterable[tuple[str, Layer]], outer: str = "") -> dict[str, Layer]:
    """Every layer by its full name, and those in it by theirs."""
    found: dict[str, Layer] = {}
    for name, layer in layers:
        found[outer + name] = layer
        found |= _named(layer.parts(), f"{outer}{name}.")
    return found


def _of_program(program: Program, layers: Sequence[Layer]) -> list[Node]:
    """The boxes of a program: a layer's steps together, under the layer's name when it is known."""
    written = _named(numbered(layers))
    groups: list[tuple[str, list[Step]]] = []
    place = {INPUT: 0}  # of each value: the box that it leaves
    for step in program.steps:
        if step.output in (SEQUENCE, LENGTHS):  # parts of the input, in its box
            place[step.output] = 0
            continue
        owner = step.output.rpartition(".")[0] or "output"
        if not groups or groups[-1][0] != owner:
            groups.append((owner, []))
        groups[-1][1].append(step)
        place[step.output] = len(groups)
    parameters = dict.fromkeys([owner for owner, _ in groups], 0)
    for name, shape in program.parameters.items():
        owner = name.rpartition(".")[0]
        parameters[owner if owner in parameters else "output"] += math.prod(shape)
    nodes = []
    for k, (owner, steps) in enumerate(groups, 1):
        shape = program.values[steps[-1].output]
        operations = [step.operation for step in steps]
        activations = [operation for operation in operations if operation in (*ACTIVATIONS, *RECURRENCES)]
        layer = written.get(owner)
        kind = owner.rpartition(".")[2] if layer is None else type(layer).__name__
        detail = "η" if owner == "output" else ", ".join(activations or operations)
        count = parameters[owner]
        parameters[owner] = 0  # said once
        called = [name.split(".")[0] for name in _inside(owner, written)]
        lines = (*called, _shape(shape), *((f"{count:,} parameter" + "s" * (count != 1),) if count else ()))
        about = f"{owner}: {', '.join(operations)}" if layer is None else f"{owner}: {layer!r}"
        sources = tuple(sorted({place[name] for step in steps for name in step.inputs} - {k}))
        nodes.append(Node(kind, detail, lines, math.prod(shape), "learned" if count else "plain", about, sources))
    return nodes


def _inside(owner: str, written: Mapping[str, Layer]) -> list[str]:
    """The rest of a layer's name after that of a Graph, whose nodes have names of the user's."""
    graphs = [name for name in enclosing(owner)[:-1] if isinstance(written.get(name), Graph)]
    return [owner.removeprefix(f"{name}.") for name in graphs[-1:]]


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
    """All boxes: each a picture of its own, so that a long chain wraps like words; what branches is one picture."""
    largest = math.log(max([node.size or 1 for node in nodes] + [2]))
    sources = [(k - 1,) if node.sources is None else node.sources for k, node in enumerate(nodes)]
    pictures, first = [_svg(nodes[0], largest, first=True)], 0
    for k in range(1, len(nodes)):
        if any(source < k for later in sources[k + 1 :] for source in later):
            continue  # something passes this box: it is within a block
        block = nodes[first + 1 : k + 1]
        if len(block) == 1:
            pictures.append(_svg(block[0], largest, first=False))
        else:
            pictures.append(_block(block, [[s - first for s in one] for one in sources[first + 1 : k + 1]], largest))
        first = k
    return "".join(pictures)


def _svg(node: Node, largest: float, first: bool) -> str:
    """One box, with the arrow that leads to it, as a picture of its own."""
    left = 1 if first else ARROW
    middle, height = 1 + TALL / 2, TALL + 8 + LINE * len(node.below)
    arrow = "" if first else f'<path d="M3 {middle}H{ARROW - 3}m-5 -4l5 4l-5 4"/>'
    about = f"<title>{_text(node.about)}</title>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{node.place}" role="img" width="{left + BOX + 1}" '
        f'height="{height}">{about}{arrow}{_box(node, left, middle, TALL, largest)}</svg>'
    )


def _height(node: Node, largest: float) -> float:
    return LOW + (TALL - LOW) * math.log(max(node.size or 1, 1)) / largest


def _box(node: Node, left: float, middle: float, below: float, largest: float) -> str:
    """A box around its middle, what it is called in it, and lines of text from a height on."""
    tall, x = _height(node, largest), left + BOX / 2
    box = f'<rect x="{left}" y="{middle - tall / 2:.1f}" width="{BOX}" height="{tall:.1f}" rx="6"/>'
    texts = [_line(node.kind, x, middle - 3, 16, "kind"), _line(node.detail, x, middle + 13, 17, "detail")]
    texts += [_line(line, x, below + LINE * (k + 1), 19, "small") for k, line in enumerate(node.below)]
    return box + "".join(texts)


def _block(nodes: list[Node], sources: list[list[int]], largest: float) -> str:
    """Boxes that branch, from the one before them (source 0) to the last, where all meets: columns, and rows."""
    column, rows = _placed(sources)
    count = max(rows) + 1
    middles, bottoms, lines = [1 + TALL / 2], list[float](), 0
    for row in range(count):
        inside = [node for node, at in zip(nodes, rows[1:], strict=True) if at == row]
        tall = TALL if row == 0 else max(_height(node, largest) for node in inside)
        if row:
            middles.append(bottoms[-1] + LINE * lines + 12 + tall / 2)
        bottoms.append(middles[row] + tall / 2 - 1)
        lines = max((len(node.below) for node in inside), default=0)
    width, height = max(column) * (GAP + BOX) + 1, bottoms[-1] + 9 + LINE * lines
    drawn = []
    for k, node in enumerate(nodes, 1):
        left, middle = (column[k] - 1) * (GAP + BOX) + GAP, middles[rows[k]]
        for source in sources[k - 1]:
            y, right = middles[rows[source]], column[source] * (GAP + BOX) + (3 if source == 0 else 2)
            turn = left - GAP + (3 if column[source] < column[k] - 1 or source == 0 else 2)
            bend = f"H{turn}C{left - GAP / 2} {y:.1f} {left - GAP / 2} {middle:.1f} {left - 7} {middle:.1f}H{left - 3}"
            way = f"H{left - 3}" if y == middle else bend
            drawn.append(f'<path d="M{right} {y:.1f}{way}m-5 -4l5 4l-5 4"/>')
        about = f"<title>{_text(node.about)}</title>"
        box = _box(node, left, middle, bottoms[rows[k]], largest)
        drawn.append(f'<g class="{node.place}">{about}{box}</g>')
    return (
        f'<div class="wide"><svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" '
        f'height="{height:.0f}">{"".join(drawn)}</svg></div>'
    )


def _placed(sources: list[list[int]]) -> tuple[list[int], list[int]]:
    """The column and the row of each box of a block, of what it starts from (0) first.

    A box's column is one after the last that leads to it; its row is free from there to the last that it leads to, so
    that an arrow may run along it.
    """
    column = [0]
    for one in sources:
        column.append(1 + max(column[source] for source in one))
    reach = column.copy()  # the last column that the row is taken in
    for k, one in enumerate(sources, 1):
        for source in one:
            reach[source] = max(reach[source], column[k] - 1)
    rows, taken = [0], [(0, 0, reach[0])]
    for k, one in enumerate(sources, 1):
        wanted = [0] if k == len(sources) else [*(rows[source] for source in one), *range(k + 1)]
        free = [row for row in wanted if not any(r == row and a <= reach[k] and column[k] <= b for r, a, b in taken)]
        rows.append(free[0] if free else 0)
        taken.append((rows[k], column[k], reach[k]))
    return column, rows


def _line(text: str, x: float, y: float, most: int, css: str) -> str:
    short = text if len(text) <= most else text[: most - 1] + "…"
    return f'<text class="{css}" x="{x}" y="{y}">{_text(short)}</text>'


def _text(text: str) -> str:
    """Text that is nothing but text, in HTML and in XML."""
    return escape("".join(c if c.isprintable() else "·" for c in text))
