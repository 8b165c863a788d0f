"""SequenceToSequence: a sequence in, a sequence of symbols of another length out."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import random
from likeliest.assembly import assemble
from likeliest.causality import check_causal
from likeliest.data import check_same_length
from likeliest.engines import kept_in
from likeliest.engines.base import Engine
from likeliest.history import History
from likeliest.initializers import Initializer
from likeliest.layers import EncoderDecoder, Layer, Positions, TokenEmbedding
from likeliest.layers.base import all_of, check_width
from likeliest.layers.encoder_decoder import PREVIOUS
from likeliest.likelihoods import Categorical
from likeliest.network import Network
from likeliest.network_file import write_network
from likeliest.one_step import beginning, is_carried, one_step
from likeliest.preparation import check_integer, check_seed
from likeliest.priors import Prior
from likeliest.program import Program
from likeliest.rereading import Rereading, remainder
from likeliest.sampling import check_temperature, log_probabilities, one_draw
from likeliest.sequences import Ragged, as_sequences, rounded
from likeliest.stream import Stream
from likeliest.streaming import carried
from likeliest.twins import twin_of

Array = npt.NDArray[Any]

WRITTEN = f"encoder_decoder_1.{PREVIOUS}"
"""What the decoder reads."""
METHODS = ("greedy", "beam", "sample")


class SequenceToSequence:
    """Reads a sequence and writes another, symbol by symbol, until it writes the end: an encoder and a decoder.

    log P(y | x) = Σ_t log P(y_t | y_1 … y_{t−1}, x), with an end after the last symbol, is what ``fit`` makes likely;
    in training the decoder reads the target's own symbols (teacher forcing). See `EncoderDecoder` for what is within.

    Parameters
    ----------
    encoder : sequence of Layer
        What reads the source: for symbols a `TokenEmbedding` first.
    decoder : sequence of Layer
        What writes, with at least one recurrence or ``TransformerBlock(…, causal=True)``; what comes before it, a table
        of the symbols, is made here.
    symbols : int
        K, how many symbols targets have: codes 0 … K − 1.
    width : int
        How many numbers a symbol that was written becomes for the decoder.
    attention : int, optional
        How many heads look at every step of the encoder, whose last recurrence has ``return_sequences=True`` then.
    prior, initializer, engine, dtype
        As in `Network`.

    Attributes
    ----------
    network : Network or None
        What is fitted, once there is one.

    Raises
    ------
    ValueError
        When an argument is none of these.

    Examples
    --------
    Sequences, turned round:

    >>> import numpy as np
    >>> import likeliest as ll
    >>> r = np.random.default_rng(0)
    >>> X = [r.integers(0, 3, size=r.integers(1, 4)) for _ in range(300)]
    >>> y = [x[::-1] for x in X]
    >>> model = ll.SequenceToSequence([ll.TokenEmbedding(3, 8), ll.GRU(24)], [ll.GRU(24)], symbols=3)
    >>> history = model.fit(X, y, optimizer=ll.optimizers.Adam(0.01), epochs=40, seed=0)
    >>> model.predict([[0, 1, 2], [2, 0]])
    [array([2, 1, 0]), array([0, 2])]
    """

    def __init__(
        self,
        encoder: Sequence[Layer],
        decoder: Sequence[Layer],
        symbols: int,
        *,
        width: int = 32,
        attention: int | None = None,
        prior: Prior | Mapping[str, Prior] | None = None,
        initializer: Initializer | str | Mapping[str, Initializer | str] | None = None,
        engine: str = "native",
        dtype: str = "float32",
    ) -> None:
        self.symbols = check_integer("symbols", symbols, 1)
        check_width(width)
        # One code more is the end where it is written, and the start where it is read.
        table = TokenEmbedding(self.symbols + 1, int(width))
        self._layer = EncoderDecoder(encoder, [table, *decoder], (1,), 1, attention)
        self._settings: dict[str, Any] = {
            "likelihood": Categorical(self.symbols + 1), "prior": prior, "initializer": initializer, "engine": engine,
            "dtype": dtype,
        }  # fmt: skip
        Network([], **self._settings)  # says what is wrong with them
        self.network: Network | None = None

    def __repr__(self) -> str:
        layer = self._layer
        encoder, decoder = ("[" + ", ".join(map(repr, part)) + "]" for part in (layer.encoder, layer.decoder[1:]))
        heads = "" if layer.attention is None else f", attention={layer.attention}"
        return f"SequenceToSequence({encoder}, {decoder}, symbols={self.symbols}{heads})"

    def fit(self, X: Any, y: Any, *, validation: Any = None, seed: int | None = None, **options: Any) -> History:
        """Chooses θ to make the targets likely, given their sources.

        Parameters
        ----------
        X : list of (S_i, p) or (S_i,) arrays, or (n, S, p) or (n, S) array
            The sources.
        y : list of (U_i,) arrays, or (n, U) array
            The targets: codes 0 … K − 1. An empty one is allowed; NaN in an array is after the end.
        validation : (X, y) or float, optional
            Held-out pairs, or the fraction of the pairs to hold out.
        seed : int, optional
            As in `Network.fit`.
        **options
            All else that `Network.fit` takes: ``optimizer``, ``epochs``, ``batch_size``, ….

        Returns
        -------
        History

        Raises
        ------
        ValueError
            When something does not fit, before any work is done.
        """
        sources, targets = self._pairs(X, y)
        held_out = None
        if isinstance(validation, tuple | list):
            if len(validation) != 2:
                raise ValueError(f"validation: expected (X, y) or a fraction, found {len(validation)} things")
            held_out = self._pairs(validation[0], validation[1], "validation X", "validation y")
        both = [(sources, targets), *([held_out] if held_out else [])]
        S = max(one.longest for one, _ in both)
        U = 1 + max(len(target) for _, some in both for target in some)
        layer = self._layer
        if self.network is not None and sources.step != layer.source[1:]:
            raise ValueError(f"X: this model takes steps of shape {layer.source[1:]}, found {sources.step}")
        if self.network is None or (layer.source[0], layer.steps) != (S, U):
            network = self._network_for(max(S, layer.source[0]), max(U, layer.steps), sources.step)
        else:
            network = self.network
        S, U = network.layers[0].source[0], network.layers[0].steps  # type: ignore[attr-defined]
        if held_out:
            validation = self._rows(*held_out, S, U)
        check_causal(self._assembled(network), WRITTEN)
        history = network.fit(*self._rows(sources, targets, S, U), validation=validation, seed=seed, **options)
        self.network, self._layer = network, network.layers[0]  # type: ignore[assignment]
        return history

    def predict(
        self,
        X: Any,
        *,
        method: str = "greedy",
        beams: int = 5,
        longest: int | None = None,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> list[Array]:
        """Writes a target for each source.

        Parameters
        ----------
        X : list of arrays, or array
            The sources, as in `fit`.
        method : {"greedy", "beam", "sample"}
            The likeliest symbol at every step; the likeliest target that a beam search finds; or a draw.
        beams : int
            How many beginnings a beam search keeps at every step. With as many as there are targets, it finds the
            likeliest of all.
        longest : int, optional
            How many symbols a target may have; by default twice those of the longest one that was fitted.
        temperature : float
            Of ``method="sample"``; see `Network.sample`.
        seed : int
            Of ``method="sample"``.

        Returns
        -------
        list of (U_i,) arrays

        Raises
        ------
        ValueError
            When something does not fit.
        """
        network = self._fitted()
        if method not in METHODS:
            raise ValueError(f"method: expected one of {', '.join(METHODS)}; found {method!r}")
        beams, seed = check_integer("beams", beams, 1), check_seed(seed)
        places = self._most_steps() - 1  # one symbol more is read: the start
        most = check_integer("longest", min(2 * self._layer.steps, places) if longest is None else longest, 1)
        if most > places:
            raise ValueError(
                f"longest: the positions of the decoder are for {places} symbols and the start, found {longest}; give "
                "Positions a larger number, before the fit"
            )
        temperature = check_temperature(temperature, network.likelihood.of_step)
        sources = self._sources(X)
        if method == "beam":
            return [self._searched(sources, i, beams, most)[0] for i in range(len(sources))]
        stream = self._stream(sources, np.arange(len(sources)))
        return self._written(stream, len(sources), most, temperature if method == "sample" else 0.0, seed)

    def _written(self, stream: Stream, n: int, most: int, temperature: float, seed: int) -> list[Array]:
        """One symbol after another for all sources at once, until all have ended."""
        end = self.symbols
        drawn, symbol, ended = [], np.full(n, end), np.zeros(n, bool)
        for t in range(most):
            key = random.stream(seed, random.SAMPLES, t)
            symbol = one_draw(stream.likelihood, stream.output(symbol), temperature, key)
            symbol = np.where(ended, end, symbol)
            ended |= symbol == end
            if ended.all():
                break
            drawn.append(symbol)
        symbols = np.stack(drawn, axis=1) if drawn else np.empty((n, 0), np.int64)
        return [row[row != end] for row in symbols]

    def _searched(self, sources: Ragged, i: int, beams: int, most: int) -> tuple[Array, float]:
        """The likeliest target of one source that is found when the likeliest ``beams`` beginnings are kept.

        Whether a target has ended or may go on, what counts is log P of all of it, so the search is over when nothing
        that goes on is likelier than what has ended.
        """
        end, K = self.symbols, self.symbols + 1
        stream = self._stream(sources, np.array([i]))
        written, total = np.empty((1, 0), np.int64), np.zeros(1)
        last = np.array([end])
        best, best_total = np.empty(0, np.int64), -np.inf
        for _ in range(most + 1):
            log_p = total[:, None] + log_probabilities(stream.likelihood, stream.output(last))
            ended = int(np.argmax(log_p[:, end]))
            if log_p[ended, end] > best_total:
                best, best_total = written[ended], float(log_p[ended, end])
            log_p[:, end] = -np.inf
            order = np.argsort(-log_p, axis=None, kind="stable")[: min(beams, log_p.size - len(log_p))]
            order = order[log_p.ravel()[order] > best_total]
            if not len(order) or written.shape[1] == most:
                break
            rows, last = np.divmod(order, K)
            total = log_p.ravel()[order]
            written = np.column_stack([written[rows], last])
            stream.take(rows)
        return best, best_total

    def log_likelihood(self, X: Any, y: Any, *, per_example: bool = False) -> Any:
        """Σ_i log P(y_i | x_i), the ends included; with ``per_example`` of each pair, (n,)."""
        self._fitted()
        sources, targets = self._pairs(X, y)
        U = max(self._layer.steps, 1 + max(map(len, targets)))
        network = self._at(max(self._layer.source[0], sources.longest), U)
        return network.log_likelihood(*self._rows(sources, targets, *_sizes(network)), per_example=per_example)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model to a file, as `Network.save`: `likeliest.load` reads it."""
        write_network(path, self._fitted(), "SequenceToSequence")

    @classmethod
    def of(cls, network: Network) -> SequenceToSequence:
        """The model that a network of one `EncoderDecoder` is.

        Raises
        ------
        ValueError
            When the network is another.
        """
        layer = network.layers[0] if len(network.layers) == 1 else None
        if not isinstance(layer, EncoderDecoder) or not isinstance(layer.decoder[0], TokenEmbedding):
            raise ValueError(
                f"network: expected one EncoderDecoder whose decoder begins with a table, found {network!r}"
            )
        table = layer.decoder[0]
        names = ("prior", "initializer", "engine", "dtype")
        options = {name: getattr(network, name) for name in names}
        model = cls(
            layer.encoder, layer.decoder[1:], table.tokens - 1, width=table.width, attention=layer.attention, **options
        )
        model.network, model._layer = network, layer
        return model

    def _fitted(self) -> Network:
        if self.network is None:
            raise RuntimeError("this model has no θ yet: call fit(X, y)")
        return self.network

    def _network_for(self, S: int, U: int, step: tuple[int, ...]) -> Network:
        """The network for sources and targets up to so many steps, with the θ that there is."""
        old = self._layer
        layer = EncoderDecoder(old.encoder, old.decoder, (S, *step), U, old.attention)
        network = Network([layer], **self._settings)
        if self.network is not None:
            network.build(int(np.prod(layer.source)) + 1 + U)
            for name, value in self.network.parameters.items():
                network.parameters[name] = value
        return network

    def _assembled(self, network: Network) -> Program:
        """The program that a network has or will have."""
        if network._is_built:
            return network.program
        layer = network.layers[0]
        assert isinstance(layer, EncoderDecoder)
        return assemble([layer], network.likelihood, None, (int(np.prod(layer.source)) + 1 + layer.steps,))[0]

    def _at(self, S: int, U: int) -> Network:
        """The network where it takes so many steps, else one of the same θ that does."""
        network = self._fitted()
        return network if _sizes(network) == (S, U) else self._network_for(S, U, self._layer.source[1:])

    def _stream(self, sources: Ragged, rows: Array) -> Stream:
        """The decoder before its first step, for some of the sources."""
        network = self._at(max(self._layer.source[0], sources.longest), self._layer.steps)
        empty: list[Array] = [np.empty(0)] * len(sources)
        examples = self._rows(sources, empty, *_sizes(network))[0][rows]
        program = network.program
        if not is_carried(program, WRITTEN):
            names = tuple(one.name for one in remainder(program, WRITTEN)[1])
            memory = twin_of(network, beginning(program, names)).output(examples.astype(kept_in(network.dtype)), 1)
            return self._reread(network, memory)
        step = one_step(program, WRITTEN)
        values = twin_of(network, beginning(program, step.given)).output(examples.astype(kept_in(network.dtype)), 1)
        widths = [int(np.prod(program.values[name])) for name in step.given]
        given = dict(zip(step.given, np.split(values, np.cumsum(widths)[:-1], axis=1), strict=True))
        return carried(network, step, given, len(rows))

    def _reread(self, network: Network, memory: Array) -> Stream:
        """A decoder that reads all that is written so far at every step; what it knows of its sources is computed."""
        most, width = self._most_steps(), network.likelihood.of_step.width
        last: dict[int, Engine] = {}

        def read(steps: Array, memory: Array | None) -> Array:
            n, t = steps.shape
            U = min(rounded(t), most)
            if U not in last:
                last.clear()
                other = self._at(_sizes(network)[0], U)
                last[U] = twin_of(other, remainder(other.program, WRITTEN)[0])
            rows = np.zeros((n, U), steps.dtype)
            rows[:, :t] = steps
            assert memory is not None
            eta = last[U].output(np.column_stack([rows, memory]), network._threads(None))
            return eta[:, (t - 1) * width : t * width]

        likelihood, codes = network.likelihood.of_step, self.symbols + 1
        return Rereading(read, most, kept_in(network.dtype), likelihood, (), len(memory), codes, memory)

    def _most_steps(self) -> int:
        """How many steps the decoder can read: as many as its positions are."""
        longest = [one.longest for one in all_of(self._layer.decoder) if isinstance(one, Positions) and one.longest]
        return min(longest, default=sys.maxsize)

    def _sources(self, X: Any, argument: str = "X") -> Ragged:
        """Sources as sequences, which fit the encoder."""
        sources = as_sequences(X, None, argument)
        if not isinstance(sources, Ragged):
            if sources.ndim not in (2, 3):
                raise ValueError(f"{argument}: expected sequences (n, S) or (n, S, p), found shape {sources.shape}")
            sources = Ragged(sources, np.full(len(sources), sources.shape[1]), True)
        sources.check(kept_in(self._settings["dtype"]), argument)
        if self.network is not None and sources.step != self._layer.source[1:]:
            raise ValueError(
                f"{argument}: this model takes steps of shape {self._layer.source[1:]}, found {sources.step}"
            )
        first = self._layer.encoder[0] if self._layer.encoder else None
        if isinstance(first, TokenEmbedding):
            for i, (part, t) in enumerate(zip(sources.parts, sources.lengths, strict=True)):
                _check_codes(np.asarray(part[:t]), first.tokens, f"{argument}: source {i}")
        return sources

    def _pairs(self, X: Any, y: Any, X_name: str = "X", y_name: str = "y") -> tuple[Ragged, list[Array]]:
        """Sources, and targets as arrays of codes."""
        sources = self._sources(X, X_name)
        targets = []
        check_same_length(sources, y, X_name, y_name)
        for i, one in enumerate(y):
            target = np.asarray(one)
            if target.size == 0:
                target = np.empty(0, np.int64)
            if target.ndim != 1 or target.dtype.kind not in "biuf":
                raise ValueError(
                    f"{y_name}: expected codes (U,) for target {i}, found {target.shape} of {target.dtype}"
                )
            if target.dtype.kind == "f":
                target = target[: int(np.isnan(target).argmax())] if np.isnan(target).any() else target
            _check_codes(target, self.symbols, f"{y_name}: target {i}")
            targets.append(target.astype(np.int64))
        return sources, targets

    def _rows(self, sources: Ragged, targets: list[Array], S: int, U: int) -> tuple[Array, Array]:
        """What the network reads (n, S·p + 1 + U), and what it is to write (n, U): the end, then NaN."""
        end = self.symbols
        previous, wanted = np.zeros((len(targets), U)), np.full((len(targets), U), np.nan)
        previous[:, 0] = end
        for i, target in enumerate(targets):
            u = len(target)
            previous[i, 1 : u + 1] = target
            wanted[i, :u], wanted[i, u] = target, end
        dtype = kept_in(self._settings["dtype"])
        return np.hstack([sources.pack(S, dtype), previous.astype(dtype)]), wanted


def _sizes(network: Network) -> tuple[int, int]:
    """How many steps sources and targets have at most."""
    layer = network.layers[0]
    assert isinstance(layer, EncoderDecoder)
    return layer.source[0], layer.steps


def _check_codes(codes: Array, count: int, what: str) -> None:
    """A ValueError unless all are 0 … count − 1."""
    wrong = ~((codes >= 0) & (codes < count) & (codes == np.floor(codes)))
    if wrong.any():
        t = int(np.argmax(wrong.ravel()))
        raise ValueError(f"{what}: expected codes 0 to {count - 1}, found {codes.ravel()[t]:g} at step {t}")
