"""likeliest on its JAX engine: the same call of `fit` as on the native one."""

from __future__ import annotations

from benchmarks.peers.likeliest_fit import Likeliest


class LikeliestOnJax(Likeliest):
    """ll.Network with ``engine="jax"``; XLA has threads of its own, as many as processors."""

    engine = "jax"


PEER = LikeliestOnJax
