"""Parallel: h = [f_1(x), …, f_k(x)] or f_1(x) + … + f_k(x),  x (n, ...), every branch on the same x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from likeliest.layers.base import Layer, as_layers, chain, numbered
from likeliest.layers.merging import Add, Concatenate
from likeliest.program import Builder, Value

MERGES = {"concatenate": Concatenate(), "add": Add()}


@dataclass(frozen=True, init=False, repr=False)
class Parallel(Layer):
    """Branches that all get x, and whose outputs are put side by side or added.

    An Inception block (Szegedy et al. 2015, https://doi.org/10.1109/CVPR.2015.7298594) is four branches side by side; a
    block of DenseNet is ``Parallel([], Conv2D(…))``, x and what is made of it; wide and deep is
    ``Parallel(Dense(8), [Dense(64, "relu"), Dense(8)], merge="add")``.

    Parameters
    ----------
    *branches : Layer or list of Layer
        f_1 to f_k, at least two. An empty list passes x on. Their parameters are called
        ``"parallel_1.branch_1.dense_1.W"``, and where a branch is a single layer ``"parallel_1.branch_1.W"``.
    merge : {"concatenate", "add"}
        Side by side along the last axis (of images, the channels), or the sum.

    Raises
    ------
    ValueError
        When there are fewer than two branches or something is no layer; when the network is built, when the shapes of
        the branches' outputs do not fit each other.

    Examples
    --------
    >>> import likeliest as ll
    >>> both = ll.Parallel(ll.Dense(3, "tanh"), [ll.Dense(5, "relu"), ll.Dense(4)])
    >>> net = ll.Network([both], likelihood="bernoulli").build(2)
    >>> net.program.values["parallel_1.h"]
    (7,)
    """

    branches: tuple[Layer | tuple[Layer, ...], ...]
    merge: str = "concatenate"

    def __init__(self, *branches: Any, merge: str = "concatenate") -> None:
        if len(branches) < 2:
            raise ValueError(
                f"branches: expected at least two, Parallel(first, second), found {len(branches)}; each is a layer or "
                "a list of layers"
            )
        if merge not in MERGES:
            raise ValueError(f"merge: expected one of {', '.join(MERGES)}; found {merge!r}")
        object.__setattr__(self, "branches", tuple(as_layers("branches", branch) for branch in branches))
        object.__setattr__(self, "merge", merge)

    def __repr__(self) -> str:
        given = [repr(list(branch) if isinstance(branch, tuple) else branch) for branch in self.branches]
        return f"Parallel({', '.join([*given, f'merge={self.merge!r}'])})"

    def parts(self) -> list[tuple[str, Layer]]:
        """The layers of every branch."""
        found: list[tuple[str, Layer]] = []
        for k, branch in enumerate(self.branches, 1):
            if isinstance(branch, Layer):
                found.append((f"branch_{k}", branch))
            else:
                found += [(f"branch_{k}.{name}", layer) for name, layer in numbered(branch)]
        return found

    def build(self, net: Builder, x: Value) -> Value:
        """Branch by branch, then all together."""
        outputs = []
        for k, branch in enumerate(self.branches, 1):
            with net.within(f"branch_{k}"):
                outputs.append(branch.build(net, x) if isinstance(branch, Layer) else chain(net, branch, x))
        return MERGES[self.merge].merge(net, *outputs)
