"""What fit shows: nothing by default, a bar in a terminal, a line an epoch when asked for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

import likeliest as ll
from likeliest.progress import make_progress

X, Y = np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 2


def fit(verbose: object = None, **options: object) -> ll.History:
    net = ll.Network([], likelihood=ll.likelihoods.Bernoulli())
    shown = {} if verbose is None else {"verbose": verbose}
    return net.fit(X, Y, epochs=12, seed=0, threads=1, **shown, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("verbose", [None, "auto", False, 0])
def test_nothing_where_there_is_no_terminal(verbose: object, capfd: pytest.CaptureFixture[str]) -> None:
    fit(verbose)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [True, 1])
def test_a_line_an_epoch(verbose: object, capsys: pytest.CaptureFixture[str]) -> None:
    history = fit(verbose)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 12
    for number, (line, LL) in enumerate(zip(lines, history.log_likelihood, strict=True), 1):
        assert re.fullmatch(rf"epoch {number:>2}/12   LL {re.escape(f'{LL:.5f}')}   \d+\.\d{{3}} s", line)


def test_a_line_with_validation(capsys: pytest.CaptureFixture[str]) -> None:
    history = fit(True, validation=0.2)
    assert f"validation LL {history.validation_log_likelihood[-1]:.5f}" in capsys.readouterr().err.splitlines()[-1]


def test_without_standard_error_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    fit()


def test_other_values_are_refused() -> None:
    with pytest.raises(ValueError, match="verbose: expected"):
        make_progress("bar", 0, 1, 1)


SCRIPT = """
import numpy as np, likeliest as ll
X, y = np.random.default_rng(0).normal(size=(500, 4)), np.arange(500) % 2
net = ll.Network([], likelihood=ll.likelihoods.Bernoulli())
net.fit(X, y, epochs=30, validation=0.2, seed=0, threads=1 {options})
print("done")
"""


def in_a_terminal(options: str) -> str:
    """What the script writes to a terminal of 100 columns."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    for name in ("NO_COLOR", "CI", "TTY_COMPATIBLE"):
        environment.pop(name, None)
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(options=options)], stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        output, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            output += piece
    os.close(ours)
    assert process.returncode == 0
    return output.decode()


def test_a_bar_in_a_terminal() -> None:
    output = in_a_terminal("")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output)
    assert plain.endswith("done\r\n")
    assert "epoch 1/30" in plain
    assert re.search(r"epoch 30/30 .* LL -0\.\d{4}  validation LL -0\.\d{4}  [\d.]+[kM]? ?examples/s", plain)
    assert "\x1b[?25h" in output  # the cursor is visible again


def test_a_bar_can_be_turned_off() -> None:
    assert in_a_terminal(", verbose=False") == "done\r\n"
