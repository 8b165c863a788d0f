"""`likeliest export`: a model file as an ONNX file."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from likeliest.cli import reports
from likeliest.cli.model import load_any
from likeliest.cli.outputs import check_output
from likeliest.cli.terminal import Terminal
from likeliest.export.export import described, write
from likeliest.export.graph import Rows, Symbol
from likeliest.export.onnx_file import onnx_package

MOST = 20  # inputs that are listed
TYPES = {"f8": "double", "f4": "float", "i8": "int64", "b1": "bool", "O8": "string"}


def run(model: str, out: str, *, force: bool, json: bool) -> None:
    """The command."""
    onnx_package()  # says what is missing before any work
    check_output(out, force, (model,), option="OUT")
    file = Path(out).expanduser()
    graph, kind, doc, about = described(load_any(model))
    write(graph, kind, doc, about, file)
    if json:
        sides = {"inputs": graph.inputs, "outputs": graph.outputs}
        described_sides = {
            side: [{"name": one.name, "type": _type(one), "shape": _shape(one).split(" x ")} for one in symbols]
            for side, symbols in sides.items()
        }
        document = {"model": out, "kind": kind, "likelihood": about["likelihood"], "bytes": file.stat().st_size}
        print(reports.as_json(document | described_sides))
        return
    terminal = Terminal()
    terminal.say(f"Wrote {out}, {_size(file.stat().st_size)}: {kind}, {about['likelihood']}")
    terminal.say()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("", "name", "type", "shape"):
        table.add_column(heading, overflow="fold")
    for what, symbols in (("input", graph.inputs[:MOST]), ("output", graph.outputs)):
        for one in symbols:
            table.add_row(what, escape(terminal.spelled(one.name)), _type(one), _shape(one))
        if what == "input" and len(graph.inputs) > MOST:
            table.add_row("", f"and {len(graph.inputs) - MOST} more", "", "")
    terminal.console.print(table)
    terminal.say()
    terminal.say("n is the number of examples; a gap is NaN, and among strings the empty one.")


def _type(symbol: Symbol) -> str:
    return TYPES[f"{symbol.dtype.kind}{symbol.dtype.itemsize}"]


def _shape(symbol: Symbol) -> str:
    return " x ".join("n" if isinstance(size, Rows) else str(size) for size in symbol.shape)


def _size(count: int) -> str:
    """How many bytes, in words.

    >>> _size(999), _size(12_345), _size(67_890_123)
    ('999 bytes', '12.3 kB', '67.9 MB')
    """
    for unit, of in (("MB", 1e6), ("kB", 1e3)):
        if count >= of:
            return f"{count / of:.1f} {unit}"
    return f"{count} bytes"
