"""The command line, as a user meets it: in a pipe, in a terminal, with mistakes, with Ctrl-C."""

import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from likeliest import cli
from likeliest.cli import pictures
from likeliest.cli.terminal import draw

PNG, FILES = b"\x89PNG\r\n\x1a\n", ("hidden-weights.png", "learning-curve.png", "misread.png", "network.png")
# SIGINT set by hand: a test runner in the background may have had it ignored, and children inherit that.
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from likeliest.cli import main; sys.exit(main())"
)
QUICK = PROGRAM.replace(
    "sys.exit", "from likeliest.cli import pictures; pictures.available = bool; sys.exit"
)  # no pictures
MNIST = os.environ.get("LIKELIEST_DATA")
needs_mnist = pytest.mark.skipif(not MNIST, reason="LIKELIEST_DATA does not name a folder with MNIST's files")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIKELIEST_DATA", "FORCE_COLOR", "COLUMNS", "NO_COLOR", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONUTF8", "1")


@pytest.fixture
def tiny_mnist(tmp_path: Path) -> Path:
    """Four IDX files in MNIST's format with a few digits: 1 a stroke, 0 a ring, and a 2."""
    folder, rng = tmp_path / "idx", np.random.default_rng(0)
    folder.mkdir()
    for part, n in (("train", 60), ("t10k", 12)):
        labels = np.arange(n) % 3
        images = rng.integers(0, 40, (n, 28, 28))
        images[labels == 1, 4:24, 13:16] = 250
        images[labels == 0, 6:22, 8] = images[labels == 0, 6:22, 19] = 250
        images[labels == 2, 20, 4:24] = 250
        header = struct.pack(">IIII", 0x803, n, 28, 28)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.astype(np.uint8).tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 0x801, n) + labels.astype(np.uint8).tobytes()
        )
    return folder


def in_pipe(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def lines_of_an_error(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def without_times(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("trained "))


# --- digits ----------------------------------------------------------------------------------------------------------


def test_digits_in_a_pipe_is_plain_and_writes_whole_pictures(tmp_path: Path) -> None:
    done = in_pipe("digits", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode()
    assert done.stderr == b""
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "is it a 0 or a 1?" in text
    assert "288 to learn from, 72 held out" in text
    assert "always the commonest digit" in text
    assert text.count("ŷ = 0.") == 3
    assert "100.00 %" in text
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*FILES, "network.svg"}
    for name in FILES:
        data = (tmp_path / "out" / name).read_bytes()
        assert data.startswith(PNG)
        assert data.endswith(b"IEND\xaeB`\x82")
        assert name in text
    assert b"</svg>" in (tmp_path / "out" / "network.svg").read_bytes()


def test_the_same_seed_gives_the_same_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pictures, "available", lambda: False)
    arguments = ["digits", "--epochs", "5", "--hidden", "2", "--out", str(tmp_path), "--seed"]
    texts = [without_times(CliRunner().invoke(cli.app, [*arguments, seed]).stdout) for seed in "334"]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_network_gives_the_same_file(tmp_path: Path, kind: str) -> None:
    import likeliest as ll
    from likeliest import plots

    net = ll.Network([ll.Dense(2, "logistic")], likelihood=ll.likelihoods.Bernoulli(), engine="reference").build(4)
    for name in "ab":
        with pictures.whole_file(tmp_path / name) as file:
            pictures._save(plots.network(net), file, kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_ten_classes_of_small_digits_are_read_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: str) -> None:
    monkeypatch.setattr(pictures, "available", lambda: False)
    result = CliRunner().invoke(cli.app, ["digits", "--all", "--seed", seed, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    accuracy = float(next(line for line in result.stdout.splitlines() if line.startswith("network  ")).split()[-2])
    assert accuracy >= 96.5
    assert "pip install 'likeliest[plots]'" in result.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("every", [["--all"], []])
def test_digits_by_convolutions_says_how_each_epoch_reads_and_draws_kernels(every: list[str], tmp_path: Path) -> None:
    arguments = ["digits", "--conv", *every, "--epochs", "2", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, result.output
    assert "32 kernels of 3 x 3" in result.stdout
    read = re.findall(r"epoch (\d): (\d+\.\d\d) % of the test digits are read", result.stdout)
    assert [number for number, _ in read] == ["1", "2"]
    assert float(read[-1][1]) > 60
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {
        "learning-curve.png", "misread.png", "kernels-1.png", "feature-maps-1.png", "kernels-2.png",
        "feature-maps-2.png",
    }  # fmt: skip


@pytest.mark.parametrize("options", [[], ["--all"], ["--hidden", "6,4", "--epochs", "2"]])
def test_mnist_files(monkeypatch: pytest.MonkeyPatch, tiny_mnist: Path, tmp_path: Path, options: list[str]) -> None:
    monkeypatch.setenv("LIKELIEST_DATA", str(tiny_mnist))
    monkeypatch.setattr(pictures, "available", lambda: False)
    result = CliRunner().invoke(cli.app, ["digits", *options, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "28 x 28 pixels" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_failed_picture_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")

    def fail() -> None:
        with pictures.whole_file(path) as file:
            file.write(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["picture.png"]


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits", "--hidden", "0"], "--hidden"),
        (["digits", "--hidden", "8,,4"], "--hidden"),
        (["digits", "--hidden", "9999999"], "--hidden"),
        (["digits", "--epochs", "-1"], "--epochs"),
        (["digits", "--epochs", "0"], "--epochs"),
        (["digits", "--epochs", "many"], "--epochs"),
        (["digits", "--learning-rate", "nan"], "--learning-rate"),
        (["digits", "--learning-rate", "-0.1"], "--learning-rate"),
        (["digits", "--batch-size", "0"], "--batch-size"),
        (["digits", "--seed", "-1"], "--seed"),
        (["digits", "--threads", "0"], "--threads"),
        (["digits", "--data", "/no/such/folder"], "--data"),
        (["digits", "--out", __file__], "--out"),
        (["digits", "--no-such-option"], "--no-such-option"),
        (["digitz"], "digitz"),
        (["explain", "digits", "--example", "-1"], "--example"),
        (["explain", "digits", "--example", "72"], "--example"),
    ],
)
def test_mistakes_are_named_in_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert said in lines_of_an_error(capsys)


def test_a_folder_without_mnist_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["digits", "--data", str(tmp_path)]) == 2
    assert f"--data: {tmp_path}" in lines_of_an_error(capsys)


def test_broken_mnist_files_are_named(tiny_mnist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiny_mnist / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    assert cli.main(["digits", "--data", str(tiny_mnist)]) == 2
    assert "cut short" in lines_of_an_error(capsys)


def test_a_bad_environment_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LIKELIEST_NUM_THREADS", "few")
    assert cli.main(["digits"]) == 2
    assert "LIKELIEST_NUM_THREADS" in lines_of_an_error(capsys)


def test_divergence_is_one_line_and_debug_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["digits", "--learning-rate", "1e30", "--out", str(tmp_path / "out")]
    assert cli.main(arguments) == 1
    err = capsys.readouterr().err
    assert err.startswith("likeliest: training diverged")
    assert err.count("\n") == 1
    assert cli.main([*arguments, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# --- help ------------------------------------------------------------------------------------------------------------


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    import likeliest

    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"likeliest {likeliest.__version__}\n"
    for arguments in ([], ["--help"], ["digits", "--help"], ["explain"], ["explain", "digits", "--help"]):
        assert cli.main(arguments) == 0
        out, err = capsys.readouterr()
        assert out.startswith("Usage: likeliest")
        assert err == ""
        assert max(map(len, out.splitlines())) <= 80


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from likeliest.cli import main; main(['digits', '--help'])\n"
        "assert not {'numpy', 'matplotlib', 'sklearn', 'likeliest.network'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, stdout=subprocess.DEVNULL)


# --- explain ---------------------------------------------------------------------------------------------------------


def test_explain_digits_agrees_and_is_the_same_again() -> None:
    texts = [CliRunner().invoke(cli.app, ["explain", "digits", "--example", "5"]).stdout for _ in range(2)]
    assert texts[0] == texts[1]
    assert "(5)  ∂LL/∂θ_i,j⁽ʰ⁾ = ∂LL/∂ŷ · ∂ŷ/∂h_j · ∂h_j/∂θ_i,j⁽ʰ⁾" in texts[0]
    assert "Backpropagation and the finite differences agree." in texts[0]
    assert max(map(len, texts[0].splitlines())) <= 80
    assert "\x1b" not in texts[0]


@pytest.mark.parametrize("options", [["--all"], ["--hidden", "4,2", "--epochs", "3"], ["--all", "--hidden", "5,3"]])
def test_explain_other_networks(options: list[str]) -> None:
    result = CliRunner().invoke(cli.app, ["explain", "digits", *options])
    assert result.exit_code == 0
    assert "agree." in result.stdout


def test_ascii_where_the_encoding_has_no_more() -> None:
    done = in_pipe("explain", "digits", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert "y_hat = " in done.stdout.decode("ascii")
    assert b"?" not in done.stdout.replace(b"is it a 0 or a 1?", b"")


# --- terminals and Ctrl-C --------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are a matter of POSIX")
@pytest.mark.parametrize("no_colour", [False, True])
def test_digits_in_a_terminal_of_80_columns(tmp_path: Path, no_colour: bool) -> None:
    environment = {"TERM": "xterm-256color"} | ({"NO_COLOR": "1"} if no_colour else {})
    code, text = in_terminal(["digits", "--all", "--epochs", "3", "--out", str(tmp_path)], environment)
    assert code == 0
    assert "epoch 3/3" in text
    assert "The three test digits it doubts most" in text
    assert "\x1b[38;" not in text if no_colour else "\x1b[" in text


def in_terminal(arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", QUICK, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **environment},
    )
    os.close(theirs)
    received = b""
    while True:
        try:
            block = os.read(ours, 1 << 16)
        except OSError:  # Linux's way of saying that the other end is closed
            break
        if not block:
            break
        received += block
    os.close(ours)
    return process.wait(timeout=60), received.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is a matter of POSIX")
def test_ctrl_c_while_fitting_stops_and_still_reports(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", QUICK, "digits", "--epochs", "100000000", "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b"gradient ascent"):
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    assert b"always the commonest digit" in out
    assert err.decode() == "likeliest: fit was stopped by Ctrl-C; the network keeps the θ it had reached\n"


def test_ctrl_c_elsewhere_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from likeliest.cli import digits

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(digits, "make_task", interrupt)
    assert cli.main(["digits"]) == 130
    assert capsys.readouterr().err == "likeliest: interrupted\n"


# --- pictures in characters ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (27, 21), (100, 200), (1, 1)])
def test_digits_in_characters_fit_and_are_rectangular(shape: tuple[int, int], unicode: bool) -> None:
    lines = draw(np.random.default_rng(0).random(shape), 80, unicode)
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= 80
    assert unicode or all(line.isascii() for line in lines)


# --- MNIST itself ----------------------------------------------------------------------------------------------------


@needs_mnist
@pytest.mark.parametrize(("options", "least"), [([], 99.9), (["--all"], 97.4)])
def test_mnist_accuracy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], least: float) -> None:
    assert MNIST
    monkeypatch.setattr(pictures, "available", lambda: False)
    result = CliRunner().invoke(cli.app, ["digits", "--data", MNIST, *options, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    accuracy = float(next(line for line in result.stdout.splitlines() if line.startswith("network  ")).split()[-2])
    assert accuracy >= least
