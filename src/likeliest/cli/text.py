"""`likeliest text`: learn how a text goes on, and write such text."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likeliest.character_model import CharacterModel
from likeliest.cli.options import BadData
from likeliest.cli.outputs import check_output, free_name, whole_file
from likeliest.cli.reports import count
from likeliest.cli.terminal import Terminal
from likeliest.fit import Epoch
from likeliest.model_file import ModelFileError, load

ENDING = ".likeliest"
LEAST = 1000  # characters that are worth a fit
HELD_OUT = 0.05
ENOUGH = 1_000_000
PATIENCE = 3


@dataclass(frozen=True)
class TextChoices:
    """What the user chose; None where the default shall stand."""

    file: str
    out: str | None
    force: bool
    hidden: tuple[int, ...] | None
    length: int
    epochs: int | None
    start: str
    samples: int
    characters: int
    temperature: float
    samples_out: str | None
    seed: int
    threads: int | None
    json: bool
    quiet: bool


def run(choices: TextChoices) -> None:
    """Fits to a text and saves the model, or takes one that was saved; then writes samples."""
    terminal = Terminal(quiet=choices.quiet or choices.json, notes=not choices.quiet)
    document: dict[str, Any] = {}
    if choices.samples_out is not None:
        check_output(choices.samples_out, choices.force, (choices.file,), "--samples-out")
    if choices.file.endswith(ENDING):
        if choices.out is not None or choices.epochs is not None or choices.hidden is not None:
            raise BadData("--out, --epochs and --hidden are for fitting to a text; a model is only asked for samples")
        model = _saved(choices.file)
        document["model"] = choices.file
    else:
        model, document = _fitted(choices, terminal)
    samples = [
        choices.start + model.sample(
            choices.start, choices.characters, temperature=choices.temperature, seed=choices.seed + k
        )
        for k in range(choices.samples)
    ]  # fmt: skip
    for k, sample in enumerate(samples):
        terminal.say()
        terminal.say(f"Sample {k + 1}, temperature {choices.temperature:g}:", style="bold")
        terminal.verbatim(_shown(sample) + "\n")
    if choices.samples_out is not None:
        out = free_name(choices.samples_out, choices.force)
        with whole_file(Path(out).expanduser()) as file:
            file.write("\n\n".join(samples).encode("utf-8") + b"\n")
        terminal.say()
        terminal.say(f"Samples written to {out}")
        document["samples_file"] = out
    if choices.json:
        print(json.dumps({**document, "temperature": choices.temperature, "samples": samples}, indent=2))


def _fitted(choices: TextChoices, terminal: Terminal) -> tuple[CharacterModel, dict[str, Any]]:
    """A model of the text, saved, and what is to be said of it."""
    hidden = (256,) if choices.hidden is None else choices.hidden
    if len(set(hidden)) != 1:
        raise BadData(
            f"--hidden: expected layers of one width, such as 256 or 256,256, found {','.join(map(str, hidden))}"
        )
    out = choices.out or ("text" if choices.file == "-" else Path(choices.file).stem) + ENDING
    check_output(out, choices.force, () if choices.file == "-" else (choices.file,))
    text = _read(choices.file)
    if len(text) < LEAST:
        raise BadData(f"{choices.file}: expected at least {LEAST} characters to learn from, found {len(text)}")
    length = min(choices.length, len(text) // 20)
    if length < choices.length:
        terminal.note(f"windows of {length} characters, since the text is short")
    model = CharacterModel(hidden[0], layers=len(hidden), length=length)
    name = "standard input" if choices.file == "-" else choices.file
    terminal.say(f"{name}: {count(len(text))} characters, {len(set(text))} different ones", style="bold")
    terminal.say(
        f"A network of {len(hidden)} x {hidden[0]} LSTM cells learns to say the next one, from windows of {length}; "
        f"the last {HELD_OUT:.0%} of the text are held out."
    )
    terminal.say()
    in_terminal = sys.stderr.isatty() and not (choices.quiet or choices.json)

    def tell(epoch: Epoch) -> None:
        held_out = epoch.validation_log_likelihood
        assert held_out is not None
        terminal.say(
            f"epoch {epoch.number:3}   bits a character: {model.bits(epoch.log_likelihood):.3f}, "
            f"held out {model.bits(held_out):.3f}   {epoch.seconds:.1f} s"
        )
        sys.stdout.flush()

    history = model.fit(
        text,
        validation=HELD_OUT,
        epochs=choices.epochs or 30,
        batch_size=32 if len(text) >= ENOUGH else 8,  # of a short text, the steps are few
        early_stopping=PATIENCE,
        seed=choices.seed,
        threads=choices.threads,
        callbacks=() if in_terminal else (tell,),
        verbose="auto" if in_terminal else False,
    )
    if not history.validation_log_likelihood:
        raise KeyboardInterrupt
    best = len(history.validation_log_likelihood) - 1 if history.best_epoch is None else history.best_epoch
    bits = model.bits(history.validation_log_likelihood[best])
    terminal.say(
        f"Held-out text: {bits:.3f} bits a character, after {history.epochs} epochs"
        f"{', interrupted' if history.stopped == 'interrupted' else ''}; "
        "without a model each of the alphabet takes "
        f"{math.log2(len(model.alphabet)):.2f}."
    )
    out = free_name(out, choices.force)
    model.save(Path(out).expanduser())
    terminal.say(f"Model written to {out}; likeliest text {out} writes more samples")
    return model, {
        "model": out, "characters": len(text), "alphabet": len(model.alphabet), "epochs": history.epochs,
        "stopped": history.stopped, "bits_per_character": bits, "seconds": sum(history.seconds), "seed": choices.seed,
    }  # fmt: skip


def _read(file: str) -> str:
    """The text of a file, or of standard input."""
    if file == "-":
        data = sys.stdin.buffer.read()
    else:
        path = Path(file).expanduser()
        if path.is_dir():
            raise BadData(f"{file}: this is a folder; expected a text file")
        if not path.exists():
            raise BadData(f"{file}: there is no such file")
        data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadData(
            f"{file}: this is no text in UTF-8 (byte {error.start} is {data[error.start]:#04x}); convert it first, as "
            "in iconv -f latin1 -t utf-8"
        ) from None
    if "\x00" in text:
        raise BadData(f"{file}: this is no text, there are zero bytes in it")
    return text.replace("\r\n", "\n")


def _saved(file: str) -> CharacterModel:
    try:
        model = load(Path(file).expanduser())
    except FileNotFoundError:
        raise BadData(f"{file}: there is no such file") from None
    except ModelFileError as error:
        raise BadData(str(error)) from None
    if not isinstance(model, CharacterModel):
        raise BadData(f"{file}: this is a {type(model).__name__}; expected a model that likeliest text has written")
    return model


def _shown(text: str) -> str:
    """What a terminal can take: no control characters, which a text may have taught."""
    return "".join(c if c in "\n\t" or c.isprintable() else "\ufffd" for c in text)
