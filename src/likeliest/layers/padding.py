"""Padding: what stands beyond the end of a sequence that is shorter than the others,  x (n, T, c) and lengths (n, 1).

Layers that mix steps and have no operation of their own for lengths make of them here what keeps the padding out. That
takes arithmetic of the order of x itself.
"""

from __future__ import annotations

from likeliest.program import Builder, Value

LOW = 1e30  # taken off every half step beyond an end; a finite number, so that there is no ∞ − ∞


def has_padding(net: Builder, x: Value) -> bool:
    """Whether x is a sequence (n, T, …), as the input is, of which some may end before T."""
    return net.lengths is not None and (
        x.name == net.input.name or (len(x.shape) > 1 and x.shape[0] == net.input.shape[0])
    )


def with_low_padding(net: Builder, x: Value) -> Value:
    """X (n, T, c) as it is up to its end, and so low beyond it that nothing there is ever the largest."""
    with net.within("low"):
        low = _over_channels(net, _scaled(net, _beyond(net, x.shape[0]), 0.0, -LOW), x.shape[1])
        return net.emit("add", x, low, name="h")


def with_zero_padding(net: Builder, x: Value) -> Value:
    """X (n, T, c) as it is up to its end, and 0 beyond it, as a sequence without padding has at its border."""
    T, c = x.shape
    with net.within("zero"):
        # 1 − 2 · 0 before an end, and 0 where that is below 0, which it is from half a step beyond the end on.
        ones = net.emit("relu", _scaled(net, _beyond(net, T), 0.5, -2.0), name="ones")
        row = net.emit("reshape", x, name="row", shape=(1, T * c))
        mask = net.emit("reshape", _over_channels(net, ones, c), name="mask", shape=(T * c,))
        return net.emit("reshape", net.emit("gate", row, mask, name="gated"), name="h", shape=(T, c))


def mean_before_end(net: Builder, x: Value) -> Value:
    """The mean of the steps (n, c): attention to all of them alike, since their products with a query of 0 are 0."""
    T, c = x.shape
    query, keys = (
        net.emit("reshape", net.emit("fill", x, name=f"{name}_row", value=0.0, width=size), name=name, shape=(size, 1))
        for name, size in (("query", 1), ("keys", T))
    )
    assert net.lengths is not None
    h = net.emit("attention", query, keys, x, net.lengths, name="mean", lengths=True, heads=1, causal=False)
    return net.emit("reshape", h, name="h", shape=(c,))


def _beyond(net: Builder, T: int) -> Value:
    """How far beyond its end a step is, less a half, and 0 for the steps before the end: (n, T)."""
    assert net.lengths is not None
    length = net.emit("reshape", net.lengths, name="length", shape=(1, 1))
    length = net.emit("reshape", net.emit("upsample", length, name="every", factor=(T,)), name="lengths", shape=(T,))
    # Half a step between the last one and the first beyond keeps 0 exact, whatever the order of the arithmetic.
    middles = tuple(t + 0.5 for t in range(T))
    return net.emit("relu", net.emit("rescale", length, name="behind", shift=middles, scale=(-1.0,) * T), name="beyond")


def _scaled(net: Builder, row: Value, shift: float, scale: float) -> Value:
    (T,) = row.shape
    return net.emit("rescale", row, name="scaled", shift=(shift,) * T, scale=(scale,) * T)


def _over_channels(net: Builder, row: Value, c: int) -> Value:
    """The number of a step for each of its channels: (n, T) -> (n, T, c)."""
    (T,) = row.shape
    step = net.emit("reshape", row, name="step", shape=(T, 1))
    return net.emit("reshape", net.emit("upsample", step, name="all", factor=(c,)), name="channels", shape=(T, c))
