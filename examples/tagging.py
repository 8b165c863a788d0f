"""Tags parts of a sequence: what each character of a line is, a date, a time, an amount or other text.

A bidirectional LSTM says at every character which of the kinds it belongs to: "12" is a part of a date in "12 May" and
of an amount in "12 euros", so what comes before and after counts. Lines have different lengths; y is a list of tags,
one for each step, beside the list of sequences.

    python examples/tagging.py
"""

from __future__ import annotations

import argparse

import numpy as np

import likeliest as ll

TAGS = ("text", "date", "time", "amount")
MONTHS = tuple(np.datetime64(f"2025-{k:02}").item().strftime("%B") for k in range(1, 13))
WORDS = ("the", "train", "leaves", "on", "paid", "for", "we", "meet", "at", "invoice", "of", "before", "she", "sent")
WORDS += ("until", "room", "seat", "number", "due", "about")
ALPHABET = "".join(sorted(set(" 0123456789.,:-" + "".join(MONTHS + WORDS) + "EUReurosdollarspm")))


def part(r: np.random.Generator, tag: str) -> str:
    """A piece of text of a kind."""
    day, hour, minute, n = (int(r.integers(*ends)) for ends in ((1, 29), (0, 24), (0, 60), (1, 2000)))
    ways = {
        "text": [" ".join(r.choice(WORDS, r.integers(1, 4))), f"room {n % 99}", f"seat number {n % 50}"],
        "date": [
            f"{day} {r.choice(MONTHS)}",
            f"{r.choice(MONTHS)} {day}",
            f"{day}.{n % 12 + 1}.",
            f"2025-{n % 12 + 1}-{day}",
        ],
        "time": [f"{hour}:{minute:02}", f"{hour % 12 + 1} pm", f"{hour % 12 + 1}.{minute:02} pm"],
        "amount": [f"{n} euros", f"EUR {n}", f"{n}.{minute:02} dollars", f"{n},{minute:02} EUR"],
    }
    return str(r.choice(ways[tag]))


def line(r: np.random.Generator) -> tuple[str, list[int]]:
    """Text with a tag for each of its characters."""
    text, tags = "", []
    for k in range(int(r.integers(3, 8))):
        tag = 0 if k % 2 == 0 else int(r.integers(1, len(TAGS)))
        piece = part(r, TAGS[tag])
        text += (" " if text else "") + piece
        tags += ([0] if tags else []) + [tag] * len(piece)
    return text, tags


def main() -> None:
    """Fits, tests, and shows some lines."""
    parser = argparse.ArgumentParser(description="Tags dates, times and amounts in lines of text.")
    parser.add_argument("--lines", type=int, default=3000, help="how many lines to learn from")
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    if options.lines < 10:
        parser.error(f"--lines: expected at least 10, found {options.lines}")
    r = np.random.default_rng(0)
    lines = [line(r) for _ in range(options.lines + 500)]
    X = [np.array([ALPHABET.index(character) for character in text]) for text, _ in lines]
    y = [np.array(tags) for _, tags in lines]
    learned = options.lines
    net = ll.Network(
        [ll.TokenEmbedding(len(ALPHABET), 16), ll.LSTM(48, bidirectional=True, return_sequences=True)],
        likelihood=ll.likelihoods.Categorical(len(TAGS)),
    )
    net.fit(X[:learned], y[:learned], optimizer=ll.optimizers.Adam(0.005), epochs=options.epochs, seed=0, verbose=True)
    found = net.predict(X[learned:])
    right = np.concatenate([tags == target for tags, target in zip(found, y[learned:], strict=True)])
    whole = np.mean([np.array_equal(tags, target) for tags, target in zip(found, y[learned:], strict=True)])
    print(f"{right.mean():.2%} of the characters of new lines are tagged right, {whole:.1%} of the lines as a whole.")
    signs = np.array(list(" dta"))
    for (text, _), tags in list(zip(lines[learned:], found, strict=True))[:4]:
        print(f"\n{text}\n{''.join(signs[tags])}")
    print("\nd a date, t a time, a an amount")


if __name__ == "__main__":
    main()
