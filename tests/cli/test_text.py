"""`likeliest text`: fits, saves, writes samples, and says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

import likeliest as ll

from .conftest import Run

TEXT = "the cat sat on the mat; the dog sat on the log. né\n" * 60
QUICK = ("--hidden", "8", "--length", "20", "--epochs", "2", "--samples", "2", "--characters", "30")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "rhyme.txt"
    path.write_text(TEXT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return path


def test_fits_saves_and_writes(file: Path, run: Run) -> None:
    said = run("text", file, *QUICK)
    assert "epoch 2" in said.text
    assert "bits a character" in said.text
    assert "Model written to rhyme.likeliest" in said.text
    assert "Sample 2" in said.text
    assert max(map(len, said.out.splitlines())) <= 80
    model = ll.load("rhyme.likeliest")
    assert set(model.alphabet) == {*TEXT, "\ufffd"}
    again = run("text", "rhyme.likeliest", "--start", "the ", "--characters", 30, "--samples", 1, "--json").json
    assert again["samples"] == ["the " + model.sample("the ", 30, temperature=0.8)]


def test_the_same_seed_gives_the_same(file: Path, run: Run) -> None:
    first = run("text", file, *QUICK, "--json", "--out", "a.likeliest").json
    second = run("text", file, *QUICK, "--json", "--out", "b.likeliest").json
    assert first["samples"] == second["samples"]
    assert first["bits_per_character"] == second["bits_per_character"] < 6
    assert first["characters"] == len(TEXT)


def test_nothing_is_replaced_unasked(file: Path, run: Run) -> None:
    Path("rhyme.likeliest").write_text("mine")
    assert "--force replaces it" in run("text", file, *QUICK, code=2).err
    assert Path("rhyme.likeliest").read_text() == "mine"
    Path("samples.txt").write_text("mine")
    assert (
        "--samples-out"
        in run("text", file, *QUICK, "--force", "--out", "c.likeliest", "--samples-out", file, code=2).err
    )
    said = run("text", file, *QUICK, "--force", "--samples-out", "samples.txt")
    assert "Samples written to samples.txt" in said.text
    assert len(Path("samples.txt").read_text(encoding="utf-8")) >= 60
    assert file.read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"too short", "expected at least 1000 characters"),
        (b"", "expected at least 1000 characters"),
        (b"caf\xe9 " * 500, "no text in UTF-8 (byte 3 is 0xe9)"),
        (b"a\x00b" * 500, "zero bytes"),
    ],
)
def test_says_what_is_wrong_with_a_file(content: bytes, message: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "some.txt"
    path.write_bytes(content)
    out = tmp_path / "m.likeliest"
    assert message in run("text", path, *QUICK, "--out", out, code=2).err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.txt",), "there is no such file"),
        ((".",), "this is a folder"),
        (("nowhere.likeliest",), "there is no such file"),
        (("rhyme.txt", "--temperature", "-1"), "at least 0"),
        (("rhyme.txt", "--hidden", "8,16"), "layers of one width"),
        (("rhyme.txt", "--characters", "0"), "characters"),
        (("rhyme.txt", "--out", "no/such/folder.likeliest"), "there is no folder"),
    ],
)
def test_says_what_is_wrong(arguments: tuple[str, ...], message: str, file: Path, run: Run) -> None:
    assert message in run("text", *arguments, code=2).err


def test_other_models_write_no_text(file: Path, run: Run) -> None:
    ll.Network([], likelihood="normal").build(2).save("net.likeliest")
    assert "expected a model that likeliest text has written" in run("text", "net.likeliest", code=2).err
    assert "only asked for samples" in run("text", "net.likeliest", "--epochs", 3, code=2).err
    Path("bad.likeliest").write_text("nothing")
    assert "bad.likeliest" in run("text", "bad.likeliest", code=2).err
    run("text", file, *QUICK)
    table = Path("t.csv")
    table.write_text("a\n1\n")
    assert run("predict", "rhyme.likeliest", table, code=2).err
