"""What other libraries' optimizers do on the same gradients: stored figures, for machines that do not have them.

``python tests/trajectories.py`` writes trajectories.json again, where PyTorch, JAX and Optax are installed.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from cases import OPTIMIZERS, Array

PATH = Path(__file__).with_name("trajectories.json")
KEPT = [1, 2, 5, 10, 20, 50]  # the steps whose θ is stored; an error in between shows in those after it

THETA = np.array([0.5, -1.2, 2.0])
STEPS = np.arange(1, 51)[:, None]
GRADIENTS: Array = (np.cos(1.3 * STEPS + np.arange(3)) + 0.1) * [1.0, 1e-3, 100.0]  # of different sizes


def stored() -> dict[str, Array]:
    """θ after the steps in ``KEPT``, by the optimizer's name: (6, 3)."""
    return {name: np.array(theta) for name, theta in json.loads(PATH.read_text())["theta"].items()}


if __name__ == "__main__":
    theta = {name: case.peer(THETA, GRADIENTS)[np.array(KEPT) - 1].tolist() for name, case in OPTIMIZERS.items()}
    source = {name: version(name) for name in ("torch", "jax", "optax")}
    rows = ",\n".join(f'    "{name}": {json.dumps(values)}' for name, values in theta.items())
    PATH.write_text(f'{{\n  "source": {json.dumps(source)},\n  "theta": {{\n{rows}\n  }}\n}}\n')
