"""One file per peer, each at its best: see base.py for what a peer must do."""

from __future__ import annotations

import contextlib
import importlib
from importlib import metadata

from benchmarks.peers.base import Peer

PEERS = {
    "likeliest": "likeliest_fit",
    "likeliest-jax": "likeliest_jax",
    "pytorch": "pytorch",
    "pytorch-tuned": "pytorch_tuned",
    "pytorch-compile": "pytorch_compile",
    "jax": "jax_scan",
    "scikit-learn": "sklearn_mlp",
    "keras": "keras_fit",
}
"""The name in the tables → the module in this folder. A module is imported only in its own child process."""

QUICKER = {("keras", workload): "keras_on_torch" for workload in ("W3", "Conv3D", "Depthwise")}
"""The module of a peer for a workload where it is quicker than the one above."""

DISTRIBUTIONS = {"likeliest-jax": "likeliest", "pytorch": "torch", "pytorch-tuned": "torch", "pytorch-compile": "torch"}
"""The name under which a peer is installed, where that is not its name in the tables."""

STREAMS = ("likeliest", "pytorch", "jax")
"""The peers that can read a sequence step by step, with their state kept."""

REFERENCE = "likeliest"
"""The peer that all others are divided by."""


def peer_class(name: str, workload: str) -> type[Peer]:
    """The class of the peer called ``name`` for ``workload``; importing it imports that framework."""
    module = QUICKER.get((name, workload), PEERS[name])
    found: type[Peer] = importlib.import_module(f"benchmarks.peers.{module}").PEER
    return found


def versions(names: list[str]) -> dict[str, str]:
    """The installed version of each of ``names``; what is not installed is left out."""
    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(DISTRIBUTIONS.get(name, name))
    return found
