"""Explain: one example's forward pass and backpropagation, written out with its numbers as the handout would.

Beside every derivative stands the finite difference that it should equal: the thing nudged a little both ways, and how
the log-likelihood (or ŷ, or h_j) answers. The derivatives are those of ``Network.trace``; the finite differences come
from a forward pass of this file's own, so that neither can hide the other's mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest.ops import ACTIVATIONS
from likeliest.plots.anatomy import Column, columns, is_bernoulli
from likeliest.xp import numpy_namespace as xp

if TYPE_CHECKING:
    from likeliest.network import Network
    from likeliest.tracing import Trace

Array = npt.NDArray[Any]

STEP = 1e-5  # of a finite difference: its own error, about STEP² times the third derivative, is then near rounding's
MOST = 4000  # how many θ are checked at most; of more, evenly spread ones
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Explanation:
    """What ``explain`` found; printing it prints the text.

    Attributes
    ----------
    text : str
        The forward pass and backpropagation, at most 80 characters a line.
    checked : int
        How many of the ∂LL/∂θ were held against a finite difference.
    error : float
        Their largest difference, as a fraction of the largest derivative.
    """

    text: str
    checked: int
    error: float

    def __str__(self) -> str:
        return self.text


def explain(network: Network, x: Any, y: Any, *, show: int = 6) -> Explanation:
    """Writes out the forward pass (1) to (3) and backpropagation (4), (5) of one example, each derivative checked.

    For the handout's network (one hidden layer of logistic cells, one logistic output) the text follows the handout,
    factor by factor. Other networks of Dense layers are written layer by layer.

    Parameters
    ----------
    network : Network
        Of Dense layers, fitted or at least built.
    x : array
        One example.
    y : int
        What was observed.
    show : int
        How many of many θ and cells to print: those that matter most. All θ are checked, up to 4000.

    Returns
    -------
    Explanation

    Raises
    ------
    ValueError
        When an argument does not fit the network, or the network has layers that are not Dense.

    Notes
    -----
    Source: handout, equations (1) to (5).

    Examples
    --------
    >>> import likeliest as ll
    >>> from likeliest.explain import explain
    >>> net = ll.Network([ll.Dense(2, "logistic")], likelihood=ll.likelihoods.Bernoulli()).build(2, seed=1)
    >>> explanation = explain(net, [1.0, 2.0], 1)
    >>> explanation.checked, explanation.error < 1e-7
    (9, True)
    >>> print(explanation)  # doctest: +ELLIPSIS
    x_1 = 1, x_2 = 2, and x_0 = 1.   y = 1
    ...
    """
    if isinstance(show, bool) or not isinstance(show, int) or show < 1:
        raise ValueError(f"show: expected a whole number of at least 1, found {show!r}")
    X = np.asarray(x)[None]
    trace = network.trace(X.reshape(1, *network.program.input_shape), np.asarray([y]))
    page = Page(network, columns(network), trace, int(y), show)
    page.example()
    page.forward()
    page.backward()
    checked, error = page.check_all()
    return Explanation("\n".join(page.lines) + "\n", checked, error)


class Page:
    """The text as it is written: one example's numbers, and a forward pass that can be nudged anywhere."""

    def __init__(self, network: Network, layers: list[Column], trace: Trace, y: int, show: int) -> None:
        self.network, self.layers, self.trace, self.y, self.show = network, layers, trace, y, show
        self.lines: list[str] = []
        self.x = trace.values["x"].reshape(-1)
        self.h = [self.x, *(trace.values[layer.value][0] for layer in layers)]  # the last one is η
        self.z = [trace.values[layer.z][0] for layer in layers]
        self.y_hat = trace.values["y_hat"].reshape(-1)
        self.one = is_bernoulli(network)
        self.handout = self.one and len(layers) == 2 and layers[0].activation == "logistic"

    # --- the numbers to check against --------------------------------------------------------------------------------

    def eta_from(self, k: int, h: Array) -> Array:
        """The forward pass from the values h of column k (0 is x) on: η."""
        for layer in self.layers[k:]:
            h = _cells(layer, h)
        return h

    def LL_of_eta(self, eta: Array) -> float:
        """Log P(y | η)."""
        return float(self.network.likelihood.log_prob(xp, eta[None], np.asarray([self.y]))[0])

    def LL_of_h(self, k: int) -> Callable[[Array], float]:
        """LL as a function of the values of column k."""
        return lambda h: self.LL_of_eta(self.eta_from(k, h))

    def LL_of_theta(self, k: int, i: int, j: int) -> Callable[[Array], float]:
        """LL as a function of the θ of layer k that leads from its input i (0 is the bias) to its cell j."""

        def LL(theta: Array) -> float:
            return self.LL_of_eta(self.eta_from(k + 1, self._with_theta(k, i, j, theta)))

        return LL

    def _with_theta(self, k: int, i: int, j: int, theta: Array) -> Array:
        """The cells of layer k, with another value of one θ."""
        layer = self.layers[k]
        W, b = layer.W, np.zeros(layer.W.shape[1]) if layer.b is None else layer.b
        if i == 0:
            b = b.copy()
            b[j] = theta[0]
        else:
            W = W.copy()
            W[i - 1, j] = theta[0]
        return _cells(Column(layer.name, layer.value, layer.z, layer.activation, W, b), self.h[k])

    def theta(self, k: int, i: int, j: int) -> float:
        """The θ of layer k from its input i (0 is the bias) to its cell j."""
        layer = self.layers[k]
        return float(layer.W[i - 1, j] if i else 0.0 if layer.b is None else layer.b[j])

    def gradient(self, k: int) -> Array:
        """∂LL/∂θ of layer k as the handout numbers it: row 0 holds the biases, if there are any."""
        layer = self.layers[k]
        W = self.trace.gradient[f"{layer.name}.W"]
        b = np.full((1, W.shape[1]), np.nan) if layer.b is None else self.trace.gradient[f"{layer.name}.b"][None]
        return np.vstack([b, W])

    def feeding(self, k: int, i: int) -> float:
        """What θ number i of layer k multiplies: 1 for the bias, else an input or a hidden cell."""
        return 1.0 if i == 0 else float(self.h[k][i - 1])

    # --- names ------------------------------------------------------------------------------------------------------

    def cell(self, k: int, j: int) -> str:
        """The name of cell j (from 0) of column k: x_3, h_2, or h²_2 where there are several hidden layers."""
        raised = "" if len(self.layers) <= 2 else str(k).translate(SUPERSCRIPT)
        return f"x_{j + 1}" if k == 0 else f"h{raised}_{j + 1}"

    def source(self, k: int, i: int) -> str:
        """The name of what θ number i of layer k multiplies."""
        raised = "" if len(self.layers) <= 2 or k == 0 else str(k).translate(SUPERSCRIPT)
        return self.cell(k, i - 1) if i else ("x_0" if k == 0 else f"h{raised}_0")

    def parameter(self, k: int, i: int, j: int) -> str:
        """The name of a θ."""
        if k == len(self.layers) - 1:
            return f"θ_{i}⁽ŷ⁾" if self.one else f"θ_{i},{j}⁽ŷ⁾"
        raised = "" if len(self.layers) <= 2 else str(k + 1).translate(SUPERSCRIPT)
        return f"θ_{i},{j + 1}⁽ʰ{raised}⁾"

    # --- writing ----------------------------------------------------------------------------------------------------

    def say(self, *lines: str) -> None:
        """Adds lines."""
        self.lines += lines

    def row(self, text: str, derivative: float, f: Callable[[Array], float], at: float | Array, index: int = 0) -> None:
        """A derivative, the central difference of f in one of its arguments beside it, and how they differ."""
        difference = _central(f, np.atleast_1d(np.asarray(at, np.float64)), index)
        self.compare(text, derivative, difference)

    def compare(self, text: str, derivative: float, difference: float) -> None:
        """The line itself, in two where the text is long."""
        if len(text) > 39:
            self.say(f"     {text}")
            text = ""
        self.say(f"     {text:<40}{derivative:>11.5g}{difference:>13.5g}{_relative(derivative, difference):>10}")

    def example(self) -> None:
        """What x and y are."""
        m = len(self.x)
        if m <= 4:
            numbers = ", ".join(f"x_{i + 1} = {_n(value)}" for i, value in enumerate(self.x))
            self.say(f"{numbers}, and x_0 = 1.   y = {self.y}")
        else:
            zero = int((self.x == 0).sum())
            zeros = f", {zero} of them 0" if zero else ""
            self.say(f"x: {m} numbers from {_n(self.x.min())} to {_n(self.x.max())}{zeros}; x_0 = 1.   y = {self.y}")

    def forward(self) -> None:
        """Equations (2), (1) and (3)."""
        self.say("", "FORWARD PASS")
        last = len(self.layers) - 1
        for k, layer in enumerate(self.layers[:last]):
            f = "σ" if layer.activation == "logistic" else layer.activation
            number = "(2)" if k == 0 and f == "σ" else "   "
            m, sum_over = layer.W.shape[0], "x_i" if k == 0 else f"{self.cell(k, 0)[:-2]}_i"
            name = self.cell(k + 1, 0)[:-2]
            theta = self.parameter(k, 0, 0).replace("_0,1", "_i,j")
            self.say("", f"{number}  {name}_j = {f}( Σ_{{i=0..{m}}} {sum_over} {theta} )", "")
            for j in self._cells_to_show(k + 1):
                self._sum(f"{self.cell(k + 1, j)} = {f}", k, j, f"{_n(self.h[k + 1][j])}")
            self._not_shown(layer.W.shape[1], "cells")
        layer, m = self.layers[-1], self.layers[-1].W.shape[0]
        h = "x_j" if last == 0 else f"{self.cell(last, 0)[:-2]}_j"
        if self.one:
            self.say("", f"(1)  ŷ = σ( Σ_{{j=0..{m}}} {h} θ_j⁽ŷ⁾ )", "")
            self._sum("ŷ = σ", last, 0, f"{_n(self.y_hat[0])} = P(Y = 1 | x)")
            self.say("", "(3)  LL(θ) = y log ŷ + (1 − y) log(1 − ŷ)")
            ll = f"log {_n(self.y_hat[0])}" if self.y else f"log(1 − {_n(self.y_hat[0])})"
            self.say(f"           = {ll} = {_n(self.LL)}")
            return
        self.say(
            "",
            f"     η_k = Σ_{{j=0..{m}}} {h} θ_j,k⁽ŷ⁾        one for each of the {len(self.y_hat)} classes",
            "     ŷ_k = e^(η_k) / Σ_c e^(η_c) = P(Y = k | x)        softmax: many classes' σ",
            "",
        )
        for c in self._classes():
            self.say(f"     η_{c} = {_n(self.h[-1][c]):<10} ŷ_{c} = {_n(self.y_hat[c])}" + ("   ← y" * (c == self.y)))
        self._not_shown(len(self.y_hat), "classes", len(self._classes()))
        self.say("", f"(3)  LL(θ) = log ŷ_y = log {_n(self.y_hat[self.y])} = {_n(self.LL)}        for many classes")

    @property
    def LL(self) -> float:
        """The log-likelihood of the example."""
        assert self.trace.log_likelihood is not None
        return float(self.trace.log_likelihood[0])

    def _sum(self, name: str, k: int, j: int, result: str) -> None:
        """Writes f( Σ ... ) with its bias, its two largest terms, and what the rest comes to."""
        layer = self.layers[k]
        terms = self.h[k] * layer.W[:, j]
        order = [int(i) for i in np.argsort(-np.abs(terms), kind="stable") if terms[i] != 0]
        few = sorted(order if len(order) <= 3 else order[:2])
        parts = [] if layer.b is None else [f"1·{_in_product(layer.b[j])}"]
        parts += [f"{_n(self.h[k][i])}·{_in_product(layer.W[i, j])}" for i in few]
        if len(order) > len(few):
            rest = float(terms.sum() - terms[few].sum())
            parts.append(f"[{len(order) - len(few)} more: {_n(rest)}]")
        cell, f = name.split("= ")
        line = f"     {name}( {' + '.join(parts) or '0'} )"
        if len(line) > 80:
            cut = line.rindex(" + ")
            self.say(line[:cut])
            line = " " * (5 + len(name) + 1) + line[cut:]
        self.say(line, f"     {' ' * len(cell)}= {f}( {_n(self.z[k][j])} ) = {result}")

    def _cells_to_show(self, column: int) -> Iterable[int]:
        """All cells of a column, or those of many with the largest ∂LL/∂h."""
        q = len(self.h[column])
        if q <= self.show:
            return range(q)
        d = np.abs(self.trace.derivatives[self.layers[column - 1].value][0])
        return [int(j) for j in np.sort(np.argsort(-d, kind="stable")[: self.show])]

    def _classes(self) -> list[int]:
        K = len(self.y_hat)
        if K <= 12:
            return list(range(K))
        most = [int(c) for c in np.argsort(-self.y_hat, kind="stable")[: self.show]]
        return sorted({self.y, *most})

    def _not_shown(self, total: int, what: str, shown: int | None = None) -> None:
        shown = min(total, self.show) if shown is None else shown
        if shown < total:
            self.say(f"     … and {total - shown} more {what}")

    def backward(self) -> None:
        """Equations (4) and (5), output first."""
        self.say("", "BACKPROPAGATION", "")
        self.say("Beside each derivative by the chain rule stands a finite difference, the thing")
        self.say("nudged both ways, and how far the two are apart as a part of the larger.", "")
        self.say(f"{'':45}{'chain rule':>11}{'finite diff.':>13}{'apart by':>10}")
        if self.handout:
            self._handout()
        else:
            self._layer_by_layer()

    def _handout(self) -> None:
        hidden, output = self.layers
        h, y_hat, y = self.h[1], float(self.y_hat[0]), self.y
        dLL_dy_hat = float(self.trace.factors["dLL/dy_hat"][0, 0])
        slope = float(self.trace.factors["dy_hat/deta"][0, 0])

        def LL_of_y_hat(p: Array) -> float:
            return float(np.log(p[0]) if y else np.log1p(-p[0]))

        def y_hat_of_eta(eta: Array) -> float:
            return float(xp.logistic(eta)[0])

        self.say("     ∂LL/∂ŷ = y/ŷ − (1 − y)/(1 − ŷ)")
        text = f"= 1/{_n(y_hat)}" if y else f"= −1/(1 − {_n(y_hat)})"
        # Nudged by a part of what is left between ŷ and 0 or 1, where the logarithm bends sharply.
        room = min(y_hat, 1 - y_hat)
        up, down = np.array([y_hat + STEP * room]), np.array([y_hat - STEP * room])
        nudge = float(up[0] - down[0])  # 0 when ŷ is within rounding of 0 or 1: then there is nothing to nudge
        difference = (LL_of_y_hat(up) - LL_of_y_hat(down)) / nudge if nudge else float("nan")
        self.compare(text, dLL_dy_hat, difference)
        self.say(
            "", "(4)  ∂LL/∂θ_j⁽ŷ⁾ = ∂LL/∂ŷ · ∂ŷ/∂θ_j⁽ŷ⁾", f"     ∂ŷ/∂θ_j⁽ŷ⁾ = ŷ(1 − ŷ) h_j, ŷ(1 − ŷ) = {_n(slope)}", ""
        )
        gradient = self.gradient(1)
        for i in self._largest_rows(gradient[:, 0]):
            factor = slope * self.feeding(1, i)
            name, theta = self.parameter(1, i, 0), self.theta(1, i, 0)
            self.row(
                f"∂ŷ/∂{name} = {_n(slope)}·{_in_product(self.feeding(1, i))}",
                factor,
                lambda t, i=i: y_hat_of_eta(self._with_theta(1, i, 0, t)),  # type: ignore[misc]
                theta,
            )
            self.row(
                f"∂LL/∂{name} = {_n(dLL_dy_hat)}·{_in_product(factor)}",
                float(gradient[i, 0]),
                self.LL_of_theta(1, i, 0),
                theta,
            )
        self._not_shown(int(np.isfinite(gradient).sum()), "of them")

        self.say("", "(5)  ∂LL/∂θ_i,j⁽ʰ⁾ = ∂LL/∂ŷ · ∂ŷ/∂h_j · ∂h_j/∂θ_i,j⁽ʰ⁾")
        self.say("     ∂ŷ/∂h_j = ŷ(1 − ŷ) θ_j⁽ŷ⁾", "")
        for j in self._cells_to_show(1):
            self.row(
                f"∂ŷ/∂h_{j + 1} = {_n(slope)}·{_in_product(output.W[j, 0])}",
                slope * float(output.W[j, 0]),
                lambda v: y_hat_of_eta(self.eta_from(1, v)),
                h,
                j,
            )
        self._not_shown(len(h), "of them")
        self.say("", "     ∂h_j/∂θ_i,j⁽ʰ⁾ = h_j(1 − h_j) x_i")
        gradient = self.gradient(0)
        bends = self.trace.factors[f"d{hidden.value}/d{hidden.z}"][0]
        self._most_of("θ⁽ʰ⁾", gradient)
        for i, j in self._largest(gradient):
            name, theta = self.parameter(0, i, j), self.theta(0, i, j)
            factor = float(bends[j]) * self.feeding(0, i)
            self.row(
                f"∂h_{j + 1}/∂{name} = {_n(bends[j])}·{_in_product(self.feeding(0, i))}",
                factor,
                lambda t, i=i, j=j: float(self._with_theta(0, i, j, t)[j]),  # type: ignore[misc]
                theta,
            )
            product = "·".join([_n(dLL_dy_hat), _in_product(slope * float(output.W[j, 0])), _in_product(factor)])
            self.row(f"∂LL/∂{name} = {product}", float(gradient[i, j]), self.LL_of_theta(0, i, j), theta)

    def _layer_by_layer(self) -> None:
        last = len(self.layers) - 1
        score = self.trace.factors["dLL/deta"][0]
        if self.one:
            self.say("     ∂LL/∂η = ∂LL/∂ŷ · ∂ŷ/∂η = (y/ŷ − (1−y)/(1−ŷ)) · ŷ(1−ŷ) = y − ŷ", "")
            self.row(f"∂LL/∂η = {self.y} − {_n(self.y_hat[0])}", float(score[0]), self.LL_of_eta, self.h[-1])
        else:
            self.say("     ∂LL/∂η_k = [y = k] − ŷ_k        softmax: ∂LL/∂ŷ and ∂ŷ/∂η in one", "")
            for c in self._classes():
                text = f"∂LL/∂η_{c} = {int(c == self.y)} − {_n(self.y_hat[c])}"
                self.row(text, float(score[c]), self.LL_of_eta, self.h[-1], c)
        self._thetas(last, score, "η_k" if not self.one else "η")
        for k in range(last - 1, -1, -1):
            layer, after = self.layers[k], self.layers[k + 1]
            h, name = self.h[k + 1], self.cell(k + 1, 0)[:-2]
            dLL_dh = self.trace.derivatives[layer.value][0]
            above = ("η" if self.one else "η_k") if k + 1 == last else f"z{str(k + 2).translate(SUPERSCRIPT)}_k"
            theta = self.parameter(k + 1, 0, 0)
            theta = theta.replace("_0,1", "_j,k").replace("_0,0", "_j,k").replace("_0", "_j")
            every = "" if self.one and k + 1 == last else "Σ_k "
            self.say("", f"     ∂LL/∂{name}_j = {every}∂LL/∂{above} {theta}        hidden layer {k + 1}", "")
            for j in self._cells_to_show(k + 1):
                text = f"∂LL/∂{self.cell(k + 1, j)}"
                if after.W.shape[1] > 1:
                    text += f" = Σ of {after.W.shape[1]} products"
                elif k + 1 == last:
                    text += f" = {_n(score[0])}·{_in_product(after.W[j, 0])}"
                self.row(text, float(dLL_dh[j]), self.LL_of_h(k + 1), h, j)
            self._not_shown(len(h), "cells")
            if layer.activation == "identity":
                delta, inner = dLL_dh, f"{name}_j"
            else:
                slopes = self.trace.factors[f"d{layer.value}/d{layer.z}"][0]
                z = f"z{str(k + 1).translate(SUPERSCRIPT)}" if last > 1 else "z"
                f = ACTIVATIONS[layer.activation].forward
                self.say("", f"     ∂{name}_j/∂{z}_j, how steep {layer.activation} is at {z}_j, the sum inside it", "")
                for j in self._cells_to_show(k + 1):
                    self.row(
                        f"∂{self.cell(k + 1, j)}/∂{z}_{j + 1} at {z}_{j + 1} = {_n(self.z[k][j])}",
                        float(slopes[j]),
                        lambda v, f=f, j=j: float(f(xp, v)[j]),  # type: ignore[misc]
                        self.z[k],
                        j,
                    )
                delta, inner = dLL_dh * slopes, f"{z}_j"
            self._thetas(k, delta, inner)

    def _thetas(self, k: int, delta: Array, inner: str) -> None:
        """∂LL/∂θ = ∂LL/∂z_j · what θ multiplies, for the largest of layer k."""
        output = k == len(self.layers) - 1
        gradient = self.gradient(k)
        source = self.source(k, 1)[:-2]
        index = "j" if output else "i"
        theta = self.parameter(k, 0, 0).replace("_0,1", "_i,j").replace("_0,0", "_j,k").replace("_0", "_j")
        if output:
            text = f"(4)  ∂LL/∂{theta} = ∂LL/∂{inner} · {source}_{index}"
        else:
            name = self.cell(k + 1, 0)[:-2]
            middle = "" if inner == f"{name}_j" else f" · ∂{name}_j/∂{inner}"
            text = f"(5)  ∂LL/∂{theta} = ∂LL/∂{name}_j{middle} · {source}_{index}"
        self.say("", text)
        self._most_of(theta.replace("_j,k", "").replace("_i,j", "").replace("_j", ""), gradient)
        for i, j in self._largest(gradient):
            self.row(
                f"∂LL/∂{self.parameter(k, i, j)} = {_n(delta[j])}·{_in_product(self.feeding(k, i))}",
                float(gradient[i, j]),
                self.LL_of_theta(k, i, j),
                self.theta(k, i, j),
            )

    def _most_of(self, theta: str, gradient: Array) -> None:
        total = int(np.isfinite(gradient).sum())
        self.say(f"     the largest of the {total} {theta}:" if total > self.show else "", *[""] * (total > self.show))

    def _largest(self, gradient: Array) -> list[tuple[int, int]]:
        """Where the ``show`` largest derivatives are, as many for one cell as for another, cell by cell."""
        size = np.where(np.isfinite(gradient), np.abs(gradient), -1.0)
        rank = np.argsort(np.argsort(-size, axis=0, kind="stable"), axis=0, kind="stable")
        order = np.lexsort((-size.ravel(), rank.ravel()))[: min(self.show, int(np.isfinite(gradient).sum()))]
        where = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, size.shape), strict=True)]
        return sorted(where, key=lambda place: (place[1], place[0]))

    def _largest_rows(self, gradient: Array) -> list[int]:
        return sorted(i for i, _ in self._largest(gradient[:, None]))

    def check_all(self) -> tuple[int, float]:
        """Every ∂LL/∂θ (or evenly spread ones of very many) against its central difference; writes the last lines."""
        where = [
            (k, i, j)
            for k in range(len(self.layers))
            for i in range(0 if self.layers[k].b is not None else 1, self.layers[k].W.shape[0] + 1)
            for j in range(self.layers[k].W.shape[1])
        ]
        total = len(where)
        if total > MOST:
            where = [where[index] for index in np.linspace(0, total - 1, MOST).astype(int)]
        gradients = [self.gradient(k) for k in range(len(self.layers))]
        derivatives = np.array([gradients[k][i, j] for k, i, j in where])
        differences = np.array(
            [_central(self.LL_of_theta(k, i, j), np.array([self.theta(k, i, j)]), 0) for k, i, j in where]
        )
        apart = float(np.abs(derivatives - differences).max())
        largest = float(np.abs(derivatives).max())
        error = apart / largest if largest else apart
        many = f"all {total} ∂LL/∂θ" if len(where) == total else f"{len(where)} of all {total} ∂LL/∂θ"
        self.say("", f"Held against finite differences, {many} differ by at most")
        self.say(f"{apart:.1e}, which is {error:.1e} of the largest of them, {_n(largest)}.")
        if error < 1e-5:
            self.say("Backpropagation and the finite differences agree.")
        else:
            self.say("They do not agree: a relu within reach of its corner, or a bug in backpropagation.")
        return len(where), error


def _cells(layer: Column, h: Array) -> Array:
    """One layer forward: f( b + h W )."""
    z = h @ layer.W if layer.b is None else h @ layer.W + layer.b
    return z if layer.activation == "identity" else np.asarray(ACTIVATIONS[layer.activation].forward(xp, z))


def _central(f: Callable[[Array], float], at: Array, index: int) -> float:
    """( f(at + ε) − f(at − ε) ) / 2ε in one of its arguments."""
    step = STEP * max(1.0, abs(float(at[index])))
    up, down = at.copy(), at.copy()
    up[index] += step
    down[index] -= step
    return (f(up) - f(down)) / float(up[index] - down[index])


def _relative(a: float, b: float) -> str:
    """How far two numbers are apart, as a fraction of the larger."""
    largest = max(abs(a), abs(b))
    return "0" if a == b else f"{abs(a - b) / largest:.0e}"


def _n(value: Any) -> str:
    """A number in four digits.

    >>> _n(0.123456), _n(1.0), _n(-2e-7)
    ('0.1235', '1', '-2e-07')
    """
    return f"{float(value):.4g}"


def _in_product(value: Any) -> str:
    """The same as a later factor: a negative one in parentheses."""
    return f"({_n(value)})" if value < 0 else _n(value)
