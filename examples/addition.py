"""Learns to add numbers from examples written as digits: "37+5" goes in, "42" comes out, symbol by symbol.

The network knows neither what a digit is worth nor what "+" means. It reads the characters of a sum with an LSTM, and
another one writes the answer, the last digit first, as one does on paper (Zaremba and Sutskever 2014,
https://arxiv.org/abs/1410.4615). Sums that it is tested on are none that it has learned from.

    python examples/addition.py                numbers of up to 3 digits
    python examples/addition.py --digits 2     faster
"""

from __future__ import annotations

import argparse

import numpy as np

import likeliest as ll

SYMBOLS = "0123456789+"


def encoded(text: str) -> np.ndarray:
    """The code of each character."""
    return np.array([SYMBOLS.index(character) for character in text])


def sums(count: int, digits: int, seed: int) -> list[tuple[int, int]]:
    """Different pairs of numbers, short ones as often as long ones."""
    r = np.random.default_rng(seed)
    found: dict[tuple[int, int], None] = {}
    while len(found) < count:
        a, b = (int(r.integers(10 ** r.integers(1, digits + 1))) for _ in range(2))
        found[a, b] = None
    return list(found)


def main() -> None:
    """Fits, tests, and shows some sums."""
    parser = argparse.ArgumentParser(description="Learns to add numbers written as digits.")
    parser.add_argument("--digits", type=int, default=3, help="how many digits a number has at most")
    parser.add_argument("--examples", type=int, default=None, help="how many sums to learn from")
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    if options.digits < 1:
        parser.error(f"--digits: expected at least 1, found {options.digits}")
    possible = 10 ** (2 * options.digits)
    learned = options.examples or min(40_000, possible // 2)
    if not 10 <= learned <= possible * 3 // 4:
        parser.error(f"--examples: expected 10 to {possible * 3 // 4}, found {learned}")
    pairs = sums(learned + min(1000, possible // 10), options.digits, seed=0)
    X = [encoded(f"{a}+{b}"[::-1]) for a, b in pairs]  # both are read and written from the last digit on
    y = [encoded(str(a + b)[::-1]) for a, b in pairs]
    model = ll.SequenceToSequence(
        [ll.TokenEmbedding(len(SYMBOLS), 16), ll.LSTM(96, return_sequences=True)],
        [ll.LSTM(96)],
        symbols=10,
        attention=1,
    )
    model.fit(
        X[:learned],
        y[:learned],
        optimizer=ll.optimizers.Adam(0.003),
        schedule="cosine",
        epochs=options.epochs,
        batch_size=64,
        seed=0,
        verbose=True,
    )
    test, answers = pairs[learned:], model.predict(X[learned:])
    right = [np.array_equal(answer, target) for answer, target in zip(answers, y[learned:], strict=True)]
    print(f"{np.mean(right):.1%} of {len(right)} new sums are right.")
    for (a, b), answer in zip(test[:8], answers[:8], strict=True):
        written = "".join(map(str, answer[::-1])) or "nothing"
        print(f"{a:>5} + {b:<5} = {written:<5} {'' if written == str(a + b) else f'(it is {a + b})'}".rstrip())


if __name__ == "__main__":
    main()
