"""Network: layers + likelihood -> fit, predict, log_likelihood, gradient, trace."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest import (
    examples,
    gradient_check,
    initializers,
    likelihoods,
    optimizers,
    random,
    schedules,
    structures,
    tracing,
)
from likeliest.assembly import assemble, settled, steps_given
from likeliest.augmentation import Augmentation
from likeliest.augmentation import check as check_augment
from likeliest.averaging import Averaging
from likeliest.checkpoint import Checkpoints
from likeliest.consecutive import check_arguments, check_carrying
from likeliest.data import as_weights
from likeliest.engines import check_devices, check_engine, is_first, kept_in, make_engine
from likeliest.engines.base import Engine
from likeliest.engines.other_lengths import OtherLengths
from likeliest.fit import Callback, Position
from likeliest.fitting import fit_network
from likeliest.history import History
from likeliest.initializers import Initializer
from likeliest.layers import Layer
from likeliest.likelihoods import Likelihood, PerStep
from likeliest.network_file import write_network
from likeliest.optimizers import Adam, Optimizer
from likeliest.parameters import Parameters
from likeliest.preparation import (
    SymmetryWarning,
    check_clip_norm,
    check_integer,
    check_seed,
)
from likeliest.priors import Prior
from likeliest.program import Form, Program, priors_by_name
from likeliest.sampling import draw
from likeliest.schedules import Schedule
from likeliest.sequences import Ragged
from likeliest.state import arrays, places, put
from likeliest.stream import Stream
from likeliest.streaming import stream_of
from likeliest.summary import summary
from likeliest.threads import resolve_threads
from likeliest.twins import hidden
from likeliest.xp import numpy_namespace

if TYPE_CHECKING:
    from likeliest.likelihoods import Distribution

__all__ = ["Network", "SymmetryWarning"]

Array = npt.NDArray[Any]


class Network:
    """A network of layers whose output is the parameter of a likelihood, fitted by maximum likelihood.

    The last layer is not yours to write: its width and its link follow from the likelihood. With one logistic hidden
    layer and a Bernoulli likelihood this is the handout's network, equations (1) and (2).

    Parameters
    ----------
    layers : sequence of Layer, or str
        The hidden layers, in order; none gives logistic (or softmax) regression. Or the name of one of
        `likeliest.structures`, such as ``"lenet5"``, whose layers follow from the shape of the examples.
    likelihood : Likelihood or str
        What the output means: ``Bernoulli()`` for 0 or 1, ``Categorical(K)`` for K classes, ``"normal"`` for real
        numbers, …; see `likeliest.likelihoods`. An object of your own with ``log_prob(xp, eta, y)`` will do.
    prior : Prior or mapping, optional
        What is believed of the weights: `likeliest.priors`. One for all weights, or by the name of a layer
        (``{"dense_1": Normal(0.1)}``) or of a parameter (``{"dense_1.b": Normal(1.0)}``), and ``"weights"`` for all
        others; biases are free unless they are named. Without one, fitting is maximum likelihood; with one, maximum a
        posteriori.
    initializer : Initializer, str or mapping, optional
        Where the weights of layers that do not say otherwise start, the output layer included; by default each layer's
        own choice. A mapping has the names of layers: ``{"output": "zeros"}``.
    engine : {"native", "reference", "jax"}
        What computes: the C++ core; NumPy, to be read and to check against; or JAX, for GPUs and TPUs, which
        ``pip install "likeliest[jax]"`` brings.
    dtype : {"float32", "float64", "bfloat16"}
        The precision of θ and of all that is computed. With "bfloat16", for JAX only, the layers compute in it, and θ,
        its gradient and the likelihood stay in float32.
    devices : "all" or jax.sharding.Mesh, optional
        For ``engine="jax"``: several devices that take a part of each minibatch, those of all processes included; see
        "Beyond one machine" in the documentation. One device by default.

    Attributes
    ----------
    history : History or None
        What happened in the last fit.

    Raises
    ------
    ValueError
        When an argument is none of these.
    ImportError
        When the engine is JAX and it is not installed.

    Examples
    --------
    Exclusive or, which no network without a hidden layer can learn:

    >>> import numpy as np
    >>> import likeliest as ll
    >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> net = ll.Network([ll.Dense(8, "tanh")], likelihood=ll.likelihoods.Bernoulli())
    >>> history = net.fit(X, y, optimizer=ll.optimizers.Adam(0.05), epochs=300, seed=0)
    >>> net.predict(X)
    array([0, 1, 1, 0])
    """

    def __init__(
        self,
        layers: Sequence[Layer] | str,
        *,
        likelihood: Likelihood | str,
        prior: Prior | Mapping[str, Prior] | None = None,
        initializer: Initializer | str | Mapping[str, Initializer | str] | None = None,
        engine: str = "native",
        dtype: str = "float32",
        devices: Any = None,
    ) -> None:
        self._structure = layers if isinstance(layers, str) else None
        if isinstance(layers, str):
            structures.check_name(layers)
            layers = ()
        self.layers = tuple(layers)
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise ValueError(f"layers: expected layers such as Dense(32, 'relu'), found {layer!r}")
        named = prior if isinstance(prior, Mapping) else {} if prior is None else {"prior": prior}
        for wrong in (value for value in named.values() if not isinstance(value, Prior)):
            raise ValueError(f"prior: expected one of likeliest.priors, such as Normal(1.0); found {wrong!r}")
        dtype = check_engine(engine, dtype)
        check_devices(engine, devices)
        for one in initializer.values() if isinstance(initializer, Mapping) else [initializer]:
            initializers.resolve(one, "initializer", initializers.Zeros())
        self.likelihood: Likelihood = likelihoods.resolve(likelihood)
        self.prior = prior
        self.initializer = initializer
        self.engine = engine
        self.dtype = dtype
        self.devices = devices
        self.history: History | None = None
        self._engine: Engine | None = None
        self._later: Callable[[], Engine] | None = None  # makes the engine when it is needed
        self._others = OtherLengths(self._make_other)  # for sequences of other lengths
        self._position = Position()
        self._last_call = ("", "", "")  # of fit with a checkpoint: its folder, from where it started, where it ended
        self._pool_size: int | None = None

    def __repr__(self) -> str:
        layers = f"[{', '.join(map(repr, self.layers))}]"
        if self._structure is not None and not self._is_built:
            layers = repr(self._structure)
        options = "".join(
            f", {name}={value!r}"
            for name, value, default in (
                ("prior", self.prior, None),
                ("initializer", self.initializer, None),
                ("engine", self.engine, "native"),
                ("dtype", self.dtype, "float32"),
                ("devices", self.devices, None),
            )
            if value != default
        )
        return f"Network({layers}, likelihood={self.likelihood!r}{options})"

    def _repr_html_(self) -> str:
        from likeliest.html import network_html

        return network_html(self)

    def build(self, input_shape: int | Sequence[int], seed: int = 0) -> Network:
        """Fixes the shape of the examples and draws the first θ from the seed; the first ``fit`` does this by itself.

        Parameters
        ----------
        input_shape : int or sequence of int
            The shape of one example: ``784`` or ``(28, 28)``.
        seed : int
            At least 0. The same seed gives the same θ on every engine.

        Returns
        -------
        Network
            Itself, with fresh θ and nothing left of an earlier fit.

        Raises
        ------
        ValueError
            When a layer does not fit the one before it.
        """
        shape = (input_shape,) if isinstance(input_shape, int) else tuple(int(size) for size in input_shape)
        if not shape or min(shape) < 1:
            raise ValueError(f"input_shape: expected positive sizes, found {input_shape!r}")
        seed = check_seed(seed)
        self._start_anew(Form(shape), seed)
        return self

    def _start_anew(self, form: Form, seed: int) -> None:
        """The first θ, for examples of a form."""
        self._settle(form)
        program, draws = assemble(self.layers, self.likelihood, self.initializer, form.shape, lengths=form.lengths)
        engine = self._make_engine(program)
        for index, (name, parameter_shape) in enumerate(program.parameters.items()):
            engine.set(name, draws[name](random.stream(seed, random.PARAMETERS, index), parameter_shape))
        self._engine, self._later = engine, None
        self._position, self.history = Position(seed=seed), None

    def _settle(self, form: Form, y: Any = None) -> None:
        """Writes out what depends on the shape: the layers of a structure given by name, the steps of a likelihood."""
        if self._structure is not None:
            self.layers = tuple(structures.STRUCTURES[self._structure](form.shape))
        self.likelihood = settled(self.layers, self.likelihood, form.shape, form.lengths)

    def _make_engine(self, program: Program) -> Engine:
        self._others = OtherLengths(self._make_other)
        priors = priors_by_name(self.prior, program)
        return make_engine(self.engine, program, self.likelihood, self.dtype, priors, self.devices)

    def _make_other(self, form: Form) -> Engine:
        """An engine for the same θ, and sequences of another length."""
        shapes = dict(self.program.parameters)
        program, _ = assemble(
            self.layers, self._likelihood_for(form), self.initializer, form.shape, shapes, form.lengths
        )
        if dict(program.parameters) != shapes:
            raise ValueError(f"θ is for examples of shape {self.program.form.shape}")
        return make_engine(self.engine, program, self._likelihood_for(form), self.dtype, devices=self.devices)

    def _steps_given(self, form: Form) -> int:
        """How many steps the last hidden value has, so that there may be a y at each; 0 where it is no sequence."""
        if self._is_built and not isinstance(self.likelihood, PerStep):
            return 0
        layers = self.layers if self._structure is None else structures.STRUCTURES[self._structure](form.shape)
        return steps_given(layers, form.shape, form.lengths)

    def _likelihood_for(self, form: Form) -> Likelihood:
        """The likelihood where sequences have so many steps."""
        if not isinstance(self.likelihood, PerStep) or (self._is_built and form == self.program.form):
            return self.likelihood
        return settled(self.layers, self.likelihood, form.shape, form.lengths)

    def _reshape(self, form: Form) -> None:
        """Goes on with the same θ, and all that a fit keeps, on sequences of another length."""
        old, position = self._built(), self._position
        names = places(old.program, position.optimizer, position.averaged)
        values = dict(zip(names, arrays(old, names), strict=True))
        likelihood = self._likelihood_for(form)
        program, _ = assemble(
            self.layers, likelihood, self.initializer, form.shape, dict(old.program.parameters), form.lengths
        )
        self.likelihood = likelihood
        self._engine = self._make_engine(program)
        put(self._engine, names, values, position.optimizer)

    @property
    def program(self) -> Program:
        """The network written out as steps."""
        return self._built().program

    @property
    def parameters(self) -> Parameters:
        """θ by name: a mapping from ``"dense_1.W"`` to its array; assigning to a name replaces the parameter."""
        return Parameters(self._built())

    def _built(self) -> Engine:
        later, engine = self._later, self._engine  # in this order, since another thread may be doing the same
        if engine is None:
            if later is None:
                raise RuntimeError("this network has no θ yet: call fit(X, y), or build(input_shape) for a fresh one")
            engine = self._engine = later()
            self._later = None
        return engine

    @property
    def _is_built(self) -> bool:
        return self._engine is not None or self._later is not None

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        optimizer: Optimizer | str | None = None,
        epochs: int = 10,
        batch_size: int | None = 32,
        sample_weight: Any = None,
        schedule: Schedule | str | None = None,
        averaging: Averaging | None = None,
        lengths: Any = None,
        clip_norm: float | str | None = "auto",
        validation: tuple[Any, ...] | float | npt.NDArray[np.bool_] | None = None,
        validation_every: int = 1,
        early_stopping: int | None = None,
        seed: int | None = None,
        threads: int | None = None,
        callbacks: Sequence[Callback] = (),
        verbose: bool | str = "auto",
        checkpoint: str | os.PathLike[str] | None = None,
        every: int = 1,
        augment: Sequence[Augmentation] | Augmentation | None = None,
        consecutive: bool | int = False,
    ) -> History:
        """Chooses θ to make the data likely: climbs the log-likelihood, minibatch by minibatch.

        Each step takes the gradient of (1/m) Σ_i w_i log P(y_i | x_i) over the m examples of a minibatch, with weights
        scaled to a mean of 1. With a prior, what is climbed is LL(θ) + log P(θ) for all n examples, divided by Σ_i w_i
        in the weights as given (n without weights): log P(θ)/Σ_i w_i is added to every minibatch, so that the gradient
        of a minibatch is right on average.

        Fitting again continues where it stopped: the same optimizer keeps its state, and k epochs after j epochs give
        bit for bit the θ of j + k epochs at once (with a learning rate that stays: a schedule is for one fit).

        Parameters
        ----------
        X : (n, ...) array or data frame, or list of (T_i, p) or (T_i,) arrays
            The examples, of any real number type; memory-mapped arrays are read as they are needed. Sequences of
            different lengths are a list, or a padded array with ``lengths``: what stands in the padding is never
            looked at. Minibatches then hold sequences of like lengths.
        y : (n,) array, or for a target at every step (n, T) array or list of (T_i,) arrays
            The targets, as the likelihood wants them.
        optimizer : Optimizer or str, optional
            One of `likeliest.optimizers`, or its name. ``Adam()`` by default, or the one of the last fit.
        epochs : int
            How many passes over the data, at least 1.
        batch_size : int or None
            m, how many examples a step takes; None for all of them (full-batch).
        sample_weight : (n,) array, optional
            How much each example counts, at least 0.
        lengths : (n,) array of int, optional
            How many steps each sequence of a padded array X has, at least 1.
        schedule : Schedule or str, optional
            How the learning rate changes over the steps of this fit: `likeliest.schedules`, such as ``"cosine"``.
        averaging : Averaging, optional
            ``EMA()`` or ``SWA()`` of `likeliest.averaging`: what the network keeps in the end (and what is validated)
            is an average of θ over the steps. Fitting again goes on from the θ that was averaged.
        clip_norm : float, "auto" or None
            A gradient longer than this is scaled back to it. ``"auto"`` is max(1, 8/√m) for networks with recurrent
            layers, whose gradients may explode over many steps (Pascanu, Mikolov and Bengio 2013,
            https://arxiv.org/abs/1211.5063), and none for others; None or infinity: never.
        validation : (X, y), (X, y, lengths), float or (n,) array of bool, optional
            Held-out data, or the fraction of the examples to hold out, or which of them.
        validation_every : int
            Look at the held-out data after so many epochs, and after the last one.
        early_stopping : int, optional
            Stop after so many epochs without a better validation log-likelihood, and keep the best θ.
        seed : int, optional
            For the first θ, the order of the examples and the choice of held-out ones. By default a new one is drawn;
            ``History.seed`` tells which. A network that continues keeps its seed unless told otherwise.
        threads : int, optional
            All CPUs by default, or ``LIKELIEST_NUM_THREADS``. θ does not depend on it.
        callbacks : sequence of callables
            Each is called after every epoch with an `Epoch`; one that returns True stops the fit. `likeliest.callbacks`
            has logs in files.
        verbose : {"auto", True, False}
            "auto" shows a progress bar in a terminal; True also prints a line an epoch where there is none.
        checkpoint : str or Path, optional
            A folder for this call alone, in which it keeps how far it has come. The same call on a new network, after
            a crash, a kill or Ctrl-C, goes on from there and ends with the same bits, `History` included (but for its
            seconds); after the end it returns at once. With a learning rate that stays, ``epochs`` may be larger then.
        every : int
            How many epochs lie between two checkpoints, at least: where epochs take milliseconds there are more, so
            that writing checkpoints takes no more than a twentieth of the time.
        augment : sequence of Augmentation, optional
            How examples are changed at random in training, such as ``[Shift(2), Rotate(15)]`` for images: see
            `likeliest.augmentation`. What `History` tells of the training examples is of the changed ones.
        consecutive : bool or int
            Whether each row of X goes on where the row before it ends, as windows that were cut one after the other
            from one long series or text. Then rows are not shuffled: they are read as ``batch_size`` streams of rows,
            side by side, and the state in which a recurrent layer ends a row is that in which it begins the next row of
            its stream. Gradients stop there: backpropagation through time, truncated to windows, with the state carried
            over (Williams and Peng 1990, https://doi.org/10.1162/neco.1990.2.4.490). Each epoch begins anew, from zeros
            or from the learned state, which learns from these first rows alone. Held-out rows are read in the same way,
            in fewer streams if they are few; a fraction is then that of the last rows. A number k: only k rows at a
            time go on from each other, as where X holds several series of k windows each, or one that is long enough to
            be cut into pieces of k windows; these groups are shuffled, and each begins anew.

        Returns
        -------
        History

        Raises
        ------
        ValueError
            When something does not fit, before any work is done; or ``checkpoint`` belongs to another call.
        OSError
            When a checkpoint cannot be written.
        DivergenceError
            When the log-likelihood runs away; the last good θ is kept.
        """
        optimizer = None if optimizer is None else optimizers.resolve(optimizer)
        epochs = check_integer("epochs", epochs, 1)
        batch_size = None if batch_size is None else check_integer("batch_size", batch_size, 1)
        early_stopping = None if early_stopping is None else check_integer("early_stopping", early_stopping, 1)
        validation_every = check_integer("validation_every", validation_every, 1)
        schedule = schedules.resolve(schedule)
        if averaging is not None and not isinstance(averaging, Averaging):
            raise ValueError(f"averaging: expected EMA() or SWA() of likeliest.averaging, found {averaging!r}")
        clip_norm = check_clip_norm(clip_norm)
        seed = None if seed is None else check_seed(seed)
        count = resolve_threads(threads)
        callbacks = tuple(callbacks)
        if not all(callable(callback) for callback in callbacks):
            raise ValueError(f"callbacks: expected functions of one argument, found {callbacks!r}")
        if early_stopping is not None and validation is None:
            raise ValueError("early_stopping: it needs held-out data; give validation=(X, y) or validation=0.1")
        every = check_integer("every", every, 1)
        if not isinstance(consecutive, bool):
            consecutive = check_integer("consecutive", consecutive, 2)
        augmentations = check_augment(augment)
        fitting = partial(
            fit_network,
            self,
            X,
            y,
            optimizer=optimizer or self._position.optimizer or Adam(),
            epochs=epochs,
            batch_size=batch_size,
            sample_weight=sample_weight,
            schedule=schedule,
            averaging=averaging,
            lengths=lengths,
            clip_norm=clip_norm,
            validation=validation,
            validation_every=validation_every,
            early_stopping=early_stopping,
            seed=seed,
            threads=count,
            callbacks=callbacks,
            verbose=verbose,
            augment=augmentations,
            consecutive=consecutive,
        )
        if checkpoint is None:
            return fitting(checkpoints=None)
        with Checkpoints(checkpoint, every, is_first(self.devices)).locked() as checkpoints:
            return fitting(checkpoints=checkpoints)

    def predict_proba(self, X: Any, *, lengths: Any = None, threads: int | None = None) -> Any:
        """P(Y = k | x) for each class k.

        Parameters
        ----------
        X : (n, ...) array or data frame, or list of sequences
            The examples; sequences may be longer or shorter than those of the fit.
        lengths : (n,) array of int, optional
            As in `fit`.
        threads : int, optional
            As in `fit`.

        Returns
        -------
        (n, classes) array
            Rows sum to 1. For Bernoulli the columns are P(Y = 0) and P(Y = 1) = ŷ. Where there is a y at every step,
            (n, T, classes): of a list of sequences a list of (T_i, classes), with ``lengths`` NaN in the padding.
        """
        self._built()
        if self.likelihood.classes is None:
            raise ValueError(
                f"predict_proba: y has no classes under {self.likelihood!r}; predict_dist(X) gives its distribution"
            )
        X, count = examples.checked(self, X, threads, lengths), self._threads(threads)
        return examples.each(self, X, lambda engine, rows: engine.probabilities(rows, count))

    def predict(self, X: Any, *, lengths: Any = None, threads: int | None = None) -> Any:
        """The most probable class of each example, or the mean of y where y has no classes: (n, ...) -> (n,).

        Where there is a y at every step, (n, T): of a list of sequences a list of (T_i,), with ``lengths`` NaN, or −1
        for a class, in the padding.
        """
        self._built()
        X, count = examples.checked(self, X, threads, lengths), self._threads(threads)
        if self.likelihood.classes is None:
            return examples.each(self, X, lambda engine, rows: self._mean(engine, rows, count))
        return examples.each(self, X, lambda engine, rows: np.argmax(engine.probabilities(rows, count), axis=-1))

    def _mean(self, engine: Engine, X: Array, threads: int) -> Array:
        likelihood = self._likelihood_for(engine.program.form)
        return np.asarray(likelihood.mean(numpy_namespace, engine.output(X, threads)))

    def output(self, X: Any, *, lengths: Any = None, threads: int | None = None) -> Array:
        """η, what the last layer gives and the likelihood makes a probability of: (n, ...) -> (n, width).

        Where there is a y at every step, those of the steps in a row, up to the longest sequence, 0 beyond an end.
        """
        self._built()
        X, count = examples.checked(self, X, threads, lengths), self._threads(threads)
        return examples.eta(self, X, count)

    def hidden(self, X: Any, *, lengths: Any = None, threads: int | None = None) -> Any:
        """h, the values of the last hidden layer, which the output layer takes: (n, ...) -> (n, m_h).

        Without hidden layers, the examples themselves. Where there is a y at every step, (n, T, m_h), as
        `predict_proba` gives it.
        """
        self._built()
        X, count = examples.checked(self, X, threads, lengths), self._threads(threads)
        return examples.each(self, X, lambda engine, rows: hidden(self, engine, rows, count))

    def stream(self, examples: int | None = None) -> Stream:
        """The network one step at a time, for a sequence that is not over yet: its state is kept between calls.

        Parameters
        ----------
        examples : int, optional
            How many sequences go on side by side; by default one, without an axis for it.

        Returns
        -------
        Stream
            With θ as it is now, at the first step. Where recurrences carry what came before, a step takes
            microseconds; where layers look back, as causal attention and convolutions do, all steps so far are read
            again, of more than sequences had in the fit the last ones.

        Raises
        ------
        ValueError
            When a layer looks at later steps, as attention does that is not causal, and all with
            ``bidirectional=True``.
        """
        if examples is not None and (isinstance(examples, bool) or not isinstance(examples, int) or examples < 1):
            raise ValueError(f"examples: expected a whole number of at least 1, found {examples!r}")
        return stream_of(self, examples)

    def sample(self, start: Any, steps: int, *, temperature: float = 1.0, seed: int = 0) -> Array:
        """Draws how sequences go on: the likelihood at each step is that of the next one, which is drawn and read.

        For a network that was fitted to say at step t what comes at t + 1: X without the last step and y = X without
        the first one. Symbols are codes (`TokenEmbedding`) or one-hot columns, numbers are themselves. A network
        without a state to carry, such as one of ``TransformerBlock(…, causal=True)``, reads at each step all that is
        there so far, but no more steps than sequences had in the fit: the last ones, since it knows nothing of longer
        sequences.

        Parameters
        ----------
        start : (T,) or (T, p) array, or (n, T) or (n, T, p)
            How the sequence begins, at least one step; or how n sequences do.
        steps : int
            How many steps to draw.
        temperature : float
            For classes, P(Y = k)^(1/temperature), made to sum to 1 again: below 1 draws keep to what is likely, above
            they are bolder. 0 takes the likeliest, or the mean of numbers, which have no temperature but 0 and 1.
        seed : int
            The same seed gives the same draws.

        Returns
        -------
        (steps,) or (steps, d) array, or (n, steps) or (n, steps, d)
            What was drawn, without the start.

        Raises
        ------
        ValueError
            When what is drawn cannot be the next step of x, or a layer looks at later steps; it is named.

        Examples
        --------
        >>> import numpy as np
        >>> import likeliest as ll
        >>> from likeliest.likelihoods import Categorical
        >>> tune = np.tile([0, 1, 2, 1], 6)
        >>> net = ll.Network([ll.TokenEmbedding(3, 8), ll.LSTM(16, return_sequences=True)], likelihood=Categorical(3))
        >>> X = np.stack([tune[k : k + 9] for k in range(15)])
        >>> history = net.fit(X[:, :-1], X[:, 1:], optimizer=ll.optimizers.Adam(0.03), epochs=60, seed=0)
        >>> net.sample([0, 1], 8, temperature=0.2)
        array([2, 1, 0, 1, 2, 1, 0, 1])
        """
        steps, seed = check_integer("steps", steps, 1), check_seed(seed)
        shape, likelihood = self.program.form.shape[1:], self.likelihood.of_step
        return draw(lambda n: stream_of(self, n), shape, likelihood, start, steps, temperature, seed)

    def predict_dist(self, X: Any, *, lengths: Any = None, threads: int | None = None) -> Distribution:
        """The distribution of y for each example, with the method names of SciPy's: ``mean``, ``ppf``, ``interval`` ….

        Parameters
        ----------
        X : (n, ...) array or data frame
            The examples.
        lengths : (n,) array of int, optional
            As in `fit`.
        threads : int, optional
            As in `fit`.

        Returns
        -------
        Distribution
            Of n examples at once. Where there is a y at every step, of each step up to the longest sequence; what it
            says of steps beyond an end means nothing.
        """
        self._built()
        X, count = examples.checked(self, X, threads, lengths), self._threads(threads)
        eta = examples.eta(self, X, count)
        return examples.likelihood_of(self, X).distribution(eta.astype(np.float64))

    def log_likelihood(
        self,
        X: Any,
        y: Any,
        *,
        lengths: Any = None,
        per_example: bool = False,
        sample_weight: Any = None,
        threads: int | None = None,
        consecutive: bool | int = False,
    ) -> Any:
        """LL(θ) = Σ_i w_i log P(y_i | x_i), the handout's equation (3).

        Parameters
        ----------
        X : (n, ...) array or data frame
            The examples.
        y : (n,) array
            Their targets.
        lengths : (n,) array of int, optional
            As in `fit`.
        per_example : bool
            Return log P(y_i | x_i) of each example instead, (n,).
        sample_weight : (n,) array, optional
            w, ones by default.
        threads : int, optional
            As in `fit`.
        consecutive : bool or int
            Whether each row goes on where the one before it ends, as in `fit`, here in one stream: the sum is then that
            of the whole sequence which they were cut from, or of those of so many rows each.

        Returns
        -------
        float, or (n,) array
        """
        self._built()
        X, count = examples.checked(self, X, threads, lengths), self._threads(threads)
        y, log_prob = examples.targets(self, X, y), np.empty(len(X))
        if consecutive:
            check_arguments(lengths=isinstance(X, Ragged))
            engine = self._apart(X)
            group = len(X) if consecutive is True else check_integer("consecutive", consecutive, 2)
            for row in range(len(X)):
                here = slice(row, row + 1)
                log_prob[here] = engine.log_likelihood(X[here], y[here], count, row % group > 0)
        else:
            for rows, engine, block in examples.blocks(self, X):
                log_prob[rows] = engine.log_likelihood(block, examples.of_block(y, rows, engine), count)
        weights = as_weights(sample_weight, len(X))
        if weights is not None:
            log_prob = weights * log_prob
        return log_prob if per_example else float(log_prob.sum())

    def _apart(self, X: Array) -> Engine:
        """An engine of its own for examples of this shape, whose state nobody else changes meanwhile."""
        main, likelihood = self._engine_for(Form(X.shape[1:])), examples.likelihood_of(self, X)
        check_carrying(main)
        apart = make_engine(self.engine, main.program, likelihood, self.dtype)
        for name in main.program.parameters:
            apart.set(name, main.get(name))
        return apart

    def log_prior(self) -> float:
        """Log P(θ), the sum over the parameters that have a prior; 0 without any."""
        return self._log_prior_and_score()[0]

    def _log_prior_and_score(self) -> tuple[float, dict[str, Array]]:
        engine = self._built()
        total, score = 0.0, {}
        for name, prior in priors_by_name(self.prior, engine.program).items():
            theta = engine.get(name).astype(np.float64)
            total += float(prior.log_prob(numpy_namespace, theta).sum())
            score[name] = prior.score(theta)
        return total, score

    def gradient(
        self, X: Any, y: Any, *, lengths: Any = None, sample_weight: Any = None, threads: int | None = None
    ) -> dict[str, Array]:
        """∂LL/∂θ by parameter name, for LL(θ) = Σ_i w_i log P(y_i | x_i): the handout's equations (4) and (5).

        Without the prior: `likeliest.priors` have a ``score`` of their own.
        """
        self._built()
        X, count = examples.checked(self, X, threads, lengths), self._threads(threads)
        y, weights = examples.targets(self, X, y), as_weights(sample_weight, len(X))
        total: dict[str, Array] = {}
        for rows, engine, block in examples.blocks(self, X):
            w = None if weights is None else weights[rows]
            gradient = engine.gradient(block, examples.of_block(y, rows, engine), w, count)
            total = {name: total[name] + g if total else g for name, g in gradient.items()}
        return total

    def trace(self, X: Any, y: Any = None, *, lengths: Any = None) -> tracing.Trace:
        """Every value of the forward pass and, with y, every factor of the chain rule, by name, for these examples.

        Parameters
        ----------
        X : (n, ...) array
            The chosen examples; ``X[3:4]`` for one.
        y : (n,) array, optional
            Their targets.
        lengths : (n,) array of int, optional
            As in `fit`.

        Returns
        -------
        Trace
            In float64, whatever the network's precision.
        """
        self._built()
        X = examples.checked(self, X, 1, lengths)
        engine, rows, likelihood = examples.at_once(self, X)
        theta = {name: engine.get(name) for name in engine.program.parameters}
        if y is not None:
            y = examples.of_block(examples.targets(self, X, y), slice(None), engine)
        return tracing.trace(engine.program, likelihood, theta, rows, y)

    def check_gradient(
        self, X: Any, y: Any, *, lengths: Any = None, directions: int = 3, seed: int = 0
    ) -> gradient_check.GradientCheck:
        """Compares backpropagation with central differences of LL on random directions, on this engine in float64.

        Returns
        -------
        GradientCheck
            ``ok`` when every relative error is at most 1e-7; printing it gives a table.
        """
        self._built()
        X = examples.checked(self, X, 1, lengths)
        engine, rows, likelihood = examples.at_once(self, X)
        twin = make_engine(self.engine, engine.program, likelihood, "float64")
        for name in engine.program.parameters:
            twin.set(name, engine.get(name))
        y = examples.of_block(examples.targets(self, X, y), slice(None), engine)
        return gradient_check.check_gradient(twin, rows, y, directions=directions, seed=seed, tolerance=1e-7)

    def summary(self) -> str:
        """The layers with their shapes and numbers of parameters, and the memory that θ and training take."""
        engine = self._built()
        return summary(engine.program, self.likelihood, self._position.optimizer or Adam(), self.engine, self.dtype)

    def diagnose(self, X: Array) -> str:
        """Where divergence shows in the forward pass of X (n, ...), for messages."""
        engine = self._built()
        theta = {name: engine.get(name) for name in engine.program.parameters}
        return tracing.diagnose(engine.program, theta, X, kept_in(self.dtype))

    def _threads(self, threads: int | None) -> int:
        """The number of threads; what the environment says is read once, since a prediction takes microseconds."""
        if threads is not None:
            return resolve_threads(threads)
        if self._pool_size is None:
            self._pool_size = resolve_threads(None)
        return self._pool_size

    def _engine_for(self, form: Form, argument: str = "X") -> Engine:
        """The engine for examples of a form, or a ValueError that says why there is none."""
        engine = self._built()
        own, problem = engine.program.form, ""
        if form == own:
            return engine
        if engine.program.is_sequential and len(form.shape) == len(own.shape) and form.shape[1:] == own.shape[1:]:
            try:
                return self._others.of(form, engine)
            except ValueError as error:
                problem = f": {error}"
        raise ValueError(
            f"{argument}: this network takes examples of shape {own.shape}, found {form.shape}"
            f"{' with lengths' if form.lengths and not own.lengths else ''}{problem}"
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the network to a file, with all that it takes to predict and to go on: `likeliest.load` reads it.

        Layers, likelihood, prior, θ and what the optimizer keeps; the last fit's record, seed and position. The file
        is in the safetensors format, nothing in it is ever executed, and it takes the place of an older one all at
        once: an error or a power cut leaves the old one.

        Parameters
        ----------
        path : str or Path
            Where to; ``.likeliest`` is the usual ending.

        Raises
        ------
        ValueError
            When a part of the network cannot be saved, such as a likelihood of your own; before anything is written.
        OSError
            When the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import likeliest as ll
        >>> net = ll.Network([ll.Dense(3, "tanh")], likelihood="normal").build(2, seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.save(Path(folder) / "net.safetensors")
        ...     twin = ll.load(Path(folder) / "net.safetensors")
        >>> bool((twin.parameters["dense_1.W"] == net.parameters["dense_1.W"]).all())
        True
        """
        write_network(path, self)

    def __getstate__(self) -> dict[str, Any]:
        engine = self._built() if self._is_built else None
        state = {name: value for name, value in self.__dict__.items() if name not in ("_engine", "_later", "_others")}
        state["_pool_size"], state["_last_call"] = None, ("", "", "")
        if not isinstance(self.devices, str):
            state["devices"] = None  # a mesh is of this process
        state["_position"] = position = replace(self._position)  # copy.copy, too, gives a network of its own
        if engine is not None:
            names = places(engine.program, position.optimizer, position.averaged)
            state["_state"] = engine.program, dict(zip(names, arrays(engine, names), strict=True))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        program, values = state.pop("_state", (None, None))
        self.__dict__.update(state, _engine=None, _later=None, _others=OtherLengths(self._make_other))
        if program is not None:
            self._engine = self._make_engine(program)
            position = self._position
            put(self._engine, places(program, position.optimizer, position.averaged), values, position.optimizer)
