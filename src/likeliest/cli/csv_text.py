"""CSV as people have it: any separator and encoding, byte-order marks, repeated names; all values as text.

polars reads the rows. What it needs to be told (separator, encoding) is found out from the beginning of the file, and
where it fails, the line at fault is looked for, so that the message can name it.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from likeliest.cli.data import Data
from likeliest.cli.decimals import decimal_mark
from likeliest.cli.extras import need_polars
from likeliest.cli.options import BadData

if TYPE_CHECKING:
    import polars

SAMPLE = 1 << 18  # bytes that are looked at to find out the separator
LONGEST = 1 << 24  # bytes of the first line
MOST_COLUMNS = 20_000
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
RECORDS = 20  # that are looked at to find out the separator


def read_csv(path: Path | None, content: bytes | None, source: str, *, separator: str | None, header: bool) -> Data:
    """Reads CSV from a file, or from ``content`` where that has been read (and unpacked) already.

    Raises
    ------
    BadData
        When it is no table, with the line at fault.
    """
    notes: list[str] = []
    beginning = _beginning(path, content)
    if not beginning.strip():
        raise BadData(f"{source} is empty")
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = _whole(path, content).decode("utf-16", "replace").encode()
        path, beginning = None, content[:LONGEST]
        notes.append("the text is UTF-16")
    if b"\0" in beginning[:SAMPLE]:
        raise BadData(f"{source} is no text: expected CSV, Parquet, Arrow, NPY or NPZ")
    beginning = beginning.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in beginning and b"\n" not in beginning:  # the line ends of old Macs
        content = _whole(path, content).replace(b"\r", b"\n")
        path, beginning = None, beginning.replace(b"\r", b"\n")
    lines = _whole_lines(beginning, source)
    text = _decoded(lines)
    separator = separator or _separator(text)
    names = _header(text, separator, source)
    if len(names) > MOST_COLUMNS:
        raise BadData(f"{source} has {len(names)} columns, more than {MOST_COLUMNS}: is it a table?")
    frame = _read(path, content, source, separator, header, notes)
    if not header:
        names = [str(j + 1) for j in range(frame.width)]
    elif len(names) != frame.width:  # nothing that is known of; polars's names will do
        names = frame.columns
    elif all(is_number(name) for name in names):
        notes.append("the first line is taken for the names of the columns, yet holds numbers: --no-header says not")
    frame.columns = _distinct(names, notes)
    if frame.width > 1:
        import polars as pl

        blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
        if blank.any():
            frame = frame.filter(~blank)
    if separator != ",":
        notes.insert(0, f"values are separated by {SEPARATORS.get(separator, repr(separator))}")
    mark, unclear = decimal_mark(frame.get_columns(), separator)
    if unclear:
        notes.append(f"{unclear} is taken for {float(unclear.replace(',', '' if mark == '.' else '.')):g}")
    return Data(source, frame, True, mark, notes=tuple(notes))


def _beginning(path: Path | None, content: bytes | None) -> bytes:
    """The first bytes: at least the first line, unless that is absurdly long."""
    with io.BytesIO(content) if content is not None else _file(path).open("rb") as file:
        beginning = file.read(SAMPLE)
        if b"\n" not in beginning and b"\r" not in beginning:
            beginning += file.read(LONGEST - SAMPLE)
        return beginning


def _file(path: Path | None) -> Path:
    assert path is not None  # where there is no content
    return path


def _whole(path: Path | None, content: bytes | None) -> bytes:
    return content if content is not None else _file(path).read_bytes()


def _whole_lines(beginning: bytes, source: str) -> bytes:
    """Without the line that is cut off at the end of the sample."""
    if len(beginning) < SAMPLE:
        return beginning
    if b"\n" not in beginning:
        if len(beginning) >= LONGEST:
            raise BadData(f"{source} begins with a line of more than {LONGEST >> 20} MB: is it a table?")
        return beginning
    return beginning[: beginning.rindex(b"\n") + 1]


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return _western(content)


def _western(content: bytes) -> str:
    """Windows-1252, which is Latin-1 with quotation marks and the euro."""
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _separator(text: str) -> str:
    """The separator by which the first records have the most values, all as many.

    >>> _separator("a;b\\n1,5;2\\n"), _separator("a,b\\n1;2,3\\n"), _separator("a\\n1\\n")
    (';', ',', ',')
    """

    def score(separator: str) -> tuple[bool, int]:
        widths = [len(record) for record in _records(text, separator, RECORDS) if record]
        return len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0

    scores = {separator: score(separator) for separator in SEPARATORS}
    return max(scores, key=lambda separator: scores[separator])


def _records(text: str, separator: str, most: int | None = None) -> Iterator[list[str]]:
    """Up to ``most`` records, as far as they can be told apart."""
    with contextlib.suppress(csv.Error):
        for number, record in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator)):
            if number == most:
                return
            yield record


def _header(text: str, separator: str, source: str) -> list[str]:
    """The names in the first line that is not blank."""
    for record in _records(text, separator):
        if record:
            return [name.strip() for name in record]
    raise BadData(f"{source}: the first line cannot be read as names of columns")


def is_number(name: str) -> bool:
    """Whether a name looks like a value."""
    try:
        float(name)
    except ValueError:
        return False
    return True


def _distinct(names: list[str], notes: list[str]) -> list[str]:
    """Names for columns that have none, and other names for columns that share one."""
    found: dict[str, None] = {}
    taken = set(names)
    for j, given in enumerate(names):
        name = given or f"column {j + 1}"
        number = 2
        while name in found or (name != given and name in taken):
            name, number = f"{given or f'column {j + 1}'} ({number})", number + 1
        if given and name != given and len(notes) < 10:
            notes.append(
                f"the name {shortened(given)} stands more than once: column {j + 1} is called {shortened(name)}"
            )
        found[name] = None
    return list(found)


def shortened(text: str, most: int = 40) -> str:
    """A text in quotes that is no longer than that, on one line.

    >>> shortened("rooms"), shortened("x" * 50, 6)
    ("'rooms'", "'xxxxx…'")
    """
    return repr(text if len(text) <= most else text[: most - 1] + "…")


def _read(
    path: Path | None, content: bytes | None, source: str, separator: str, header: bool, notes: list[str]
) -> polars.DataFrame:
    """The rows, by polars."""
    pl = need_polars()
    try:
        return _by_polars(content if content is not None else _file(path), separator, header)
    except pl.exceptions.NoDataError:
        raise BadData(f"{source} is empty") from None
    except Exception as error:
        whole = _whole(path, content)
        try:
            text = whole.decode()
        except UnicodeDecodeError:
            text = _western(whole)
            try:
                frame = _by_polars(text.encode(), separator, header)
            except Exception as again:
                raise BadData(_fault(text, separator, source, header, again)) from None
            notes.append("the text is not UTF-8: read as Windows-1252 (Latin-1)")
            return frame
        raise BadData(_fault(text, separator, source, header, error)) from None


def _by_polars(what: Path | bytes, separator: str, header: bool) -> polars.DataFrame:
    pl = need_polars()
    try:
        frame: polars.DataFrame = pl.read_csv(what, separator=separator, has_header=header, infer_schema=False)
        return frame
    except BaseException as error:  # a panic in Rust is no Exception
        if type(error).__name__ == "PanicException":
            raise ValueError(str(error)) from None
        raise


def _fault(text: str, separator: str, source: str, header: bool, error: Exception) -> str:
    """What is wrong with text that polars cannot read: the first line that does not fit the others."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    width, line = None, 1
    try:
        for record in reader:
            if record and width is None:
                width = len(record)
            elif width is not None and len(record) > width:
                where = "the header has" if header else "the first line has"
                return (
                    f"{source}, line {line}: found {len(record)} values, {where} {width}; a value that holds "
                    f"{SEPARATORS.get(separator, repr(separator))} needs quotes, and --separator names another one"
                )
            line = reader.line_num + 1
    except csv.Error as fault:
        why = "a quotation mark is opened and never closed" if "unexpected end" in str(fault) else str(fault)
        return f"{source}, line {line}: {why}"
    return f"{source} cannot be read as CSV: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
