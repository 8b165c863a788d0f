"""CharacterModel: a text, character by character, each from those before it."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.history import History
from likeliest.layers import LSTM, Dropout, Layer, TokenEmbedding
from likeliest.likelihoods import Categorical
from likeliest.network import Network
from likeliest.network_file import write_network
from likeliest.optimizers import Adam, Optimizer
from likeliest.preparation import check_integer

Array = npt.NDArray[Any]

UNKNOWN = "\ufffd"
"""What stands for every character that is not in the alphabet."""
MOST = 1024  # characters of an alphabet


class CharacterModel:
    """Learns how a text goes on, P(next character | all before), and writes such text.

    The text is cut into windows, one after the other, which are read as several streams side by side. A network of
    `LSTM` cells is fitted to say the next character at every step; it begins a window in the state in which it ended
    the one before, and backpropagation goes through all steps of a window, and no further: `Network.fit` with
    ``consecutive=True``. When it writes, too, the state is carried from the first character to the last. Graves 2013,
    https://arxiv.org/abs/1308.0850.

    Parameters
    ----------
    width : int
        How many LSTM cells a layer has.
    layers : int
        How many layers of them.
    embedding : int
        How many numbers a character becomes.
    length : int
        How many characters a window has.
    dropout : float
        Between layers, and after the last, in training.
    engine : {"native", "reference"}
        As in `Network`.

    Attributes
    ----------
    network : Network or None
        What is fitted, once there is one.
    alphabet : str
        The characters that it knows, by their codes; the first, \ufffd, stands for all others.

    Raises
    ------
    ValueError
        When an argument is none of these.

    Examples
    --------
    >>> import likeliest as ll
    >>> model = ll.CharacterModel(width=16, embedding=8, length=20)
    >>> history = model.fit("to be or not to be, " * 40, epochs=60, seed=0)
    >>> model.sample("to be", 15, temperature=0.1)
    ' or not to be, '
    """

    def __init__(
        self,
        width: int = 256,
        *,
        layers: int = 1,
        embedding: int = 64,
        length: int = 128,
        dropout: float = 0.0,
        engine: str = "native",
    ) -> None:
        self.length = check_integer("length", length, 2)
        check_integer("embedding", embedding, 1)
        between = dropout if layers != 1 else 0.0
        self._lstm = LSTM(width, layers=layers, dropout=between, return_sequences=True)
        self._after: tuple[Layer, ...] = (Dropout(dropout),) if dropout else ()
        self._embedding, self._engine = int(embedding), engine
        self.network: Network | None = None
        self.alphabet = ""

    def __repr__(self) -> str:
        return f"CharacterModel({self._lstm.width}, layers={self._lstm.layers}, length={self.length})"

    def fit(
        self,
        text: str,
        *,
        validation: str | float | None = None,
        optimizer: Optimizer | str | None = None,
        epochs: int = 10,
        batch_size: int | None = 32,
        seed: int | None = None,
        consecutive: bool = True,
        **options: Any,
    ) -> History:
        """Chooses θ to make the text likely.

        Parameters
        ----------
        text : str
            What to learn from. The first fit settles the alphabet: its characters, or the 1023 most frequent ones.
        validation : str or float, optional
            Other text to test on, or the share of the windows that is held out: those at the end of the text.
        optimizer : Optimizer or str, optional
            ``Adam(0.003)`` by default.
        epochs, seed, **options
            As in `Network.fit`.
        batch_size : int or None
            How many streams the text is read as, of two windows at least.
        consecutive : bool
            False reads each window from a state of zeros, in any order, ``batch_size`` of them at a time.

        Returns
        -------
        History
            Log-likelihoods are of windows; see `bits` for those of characters.

        Raises
        ------
        ValueError
            When there is too little text.
        """
        _check_text(text, "text", 3)
        alphabet = self.alphabet
        if self.network is None:
            frequent = [c for c, _ in Counter(text).most_common(MOST) if c != UNKNOWN][: MOST - 1]
            alphabet = UNKNOWN + "".join(sorted(frequent))
        length = self.length if self.network is not None else min(self.length, len(text) - 1)
        X, y = _windows(encoded(text, alphabet), length)
        held_out: Any = None
        if isinstance(validation, str):
            _check_text(validation, "validation", length + 1)
            held_out = _windows(encoded(validation, alphabet), length)
        elif validation is not None:
            if isinstance(validation, bool) or not isinstance(validation, int | float) or not 0 < validation < 1:
                raise ValueError(f"validation: expected text, or a share between 0 and 1, found {validation!r}")
            count = max(1, round(validation * len(X)))
            if count == len(X):
                raise ValueError(
                    f"validation: the text has {len(X)} windows of {length} characters, too few to hold some out"
                )
            held_out, X, y = (X[-count:], y[-count:]), X[:-count], y[:-count]
        network = self.network or Network(
            [TokenEmbedding(len(alphabet), self._embedding), self._lstm, *self._after],
            likelihood=Categorical(len(alphabet)),
            engine=self._engine,
        )
        if optimizer is None and self.network is None:
            optimizer = Adam(0.003)
        if consecutive is True and batch_size is not None:
            batch_size = max(1, min(check_integer("batch_size", batch_size, 1), len(X) // 2))
            consecutive = len(X) > 1
        history = network.fit(
            X, y, validation=held_out, optimizer=optimizer, epochs=epochs, batch_size=batch_size, seed=seed,
            consecutive=consecutive, **options,
        )  # fmt: skip
        self.network, self.alphabet, self.length = network, alphabet, length
        return history

    def bits(self, log_likelihood: float) -> float:
        """Bits a character, from the mean log-likelihood of windows that a `History` or an `Epoch` has."""
        return -log_likelihood / self.length / math.log(2)

    def log_likelihood(self, text: str) -> float:
        """Log P of the text but for its first character, read from its start to its end with the state carried over."""
        network = self._fitted()
        _check_text(text, "text", 2)
        codes = encoded(text, self.alphabet)
        total, stream = 0.0, network.stream()
        for code, following in pairwise(codes):
            total += math.log(max(float(stream.predict_proba(code)[following]), 1e-300))
        return total

    def sample(self, start: str = "", length: int = 200, *, temperature: float = 1.0, seed: int = 0) -> str:
        """Writes how a text goes on.

        Parameters
        ----------
        start : str
            How it begins; by default with a new line.
        length : int
            How many characters to write after it.
        temperature : float
            Below 1 it keeps to what is likely, above it is bolder; 0 always takes the likeliest.
        seed : int
            The same seed writes the same.

        Returns
        -------
        str
            What was written, without the start.
        """
        network = self._fitted()
        if not isinstance(start, str):
            raise ValueError(f"start: expected text, found {start!r}")
        start = start or ("\n" if "\n" in self.alphabet else self.alphabet[-1])
        codes = network.sample(encoded(start, self.alphabet), length, temperature=temperature, seed=seed)
        return "".join(self.alphabet[code] for code in codes)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model to a file, as `Network.save`: `likeliest.load` reads it."""
        network = self._fitted()
        write_network(path, network, "CharacterModel", alphabet=self.alphabet)

    @classmethod
    def of(cls, network: Network, description: Mapping[str, Any]) -> CharacterModel:
        """The model of a network and what its file says besides.

        Raises
        ------
        ValueError
            When they do not belong together.
        """
        table, lstm, *after = network.layers
        alphabet, classes = description["alphabet"], network.likelihood.classes
        if (
            not isinstance(table, TokenEmbedding)
            or not isinstance(lstm, LSTM)
            or not isinstance(alphabet, str)
            or not table.tokens == classes == len(alphabet) == len(set(alphabet))
        ):
            raise ValueError("this is no model of characters")
        length = int(description["network"]["input_shape"][0])
        model = cls(lstm.width, layers=lstm.layers, embedding=table.width, length=max(2, length), engine=network.engine)
        model._lstm, model._after, model.length = lstm, tuple(after), length
        model.network, model.alphabet = network, alphabet
        return model

    def _fitted(self) -> Network:
        if self.network is None:
            raise RuntimeError("this model has no θ yet: call fit(text)")
        return self.network


def encoded(text: str, alphabet: str) -> npt.NDArray[np.int64]:
    """The code of each character, 0 where it is not in the alphabet.

    >>> encoded("cab!", "?abc").tolist()
    [3, 1, 2, 0]
    """
    codes = {character: code for code, character in enumerate(alphabet)}
    return np.array([codes.get(character, 0) for character in text], np.int64)


def _windows(codes: Array, length: int) -> tuple[Array, Array]:
    """Windows one after the other, and the same one character later: (n, length) each."""
    n = (len(codes) - 1) // length
    return codes[: n * length].reshape(n, length), codes[1 : n * length + 1].reshape(n, length)


def _check_text(text: Any, argument: str, least: int) -> None:
    if not isinstance(text, str):
        raise ValueError(f"{argument}: expected text, a str, found {type(text).__name__}")
    if len(text) < least:
        raise ValueError(f"{argument}: expected at least {least} characters, found {len(text)}")
