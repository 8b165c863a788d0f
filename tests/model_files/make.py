"""Makes the model files of this folder, with the current format, and what they predict: ``python make.py FOLDER``.

The files of a format stay as they were when it was new: they show that everything later still reads them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import likeliest as ll


def inputs() -> dict[str, Any]:
    """What the models are fitted to, and asked about."""
    i = np.arange(24)
    numbers = np.stack([np.sin(i), np.cos(2 * i), i % 5], axis=1)
    frame = pd.DataFrame(
        {
            "length": np.where(i % 7 == 3, np.nan, numbers[:, 0]),
            "kind": np.array(["oak", "elm", None, "ash"], object)[i % 4],
            "grade": numbers[:, 2],
        }
    )
    return {"numbers": numbers, "frame": frame}


def models() -> dict[str, Any]:
    """A Network that keeps an average, a Classifier with strings and gaps, a Regressor with two targets."""
    data, i = inputs(), np.arange(24)
    network = ll.Network(
        [ll.Dense(3, "tanh", initializer=ll.initializers.Uniform(-0.5, 0.5)), ll.Dropout(0.1), ll.LayerNorm()],
        likelihood=ll.likelihoods.Categorical(3, label_smoothing=0.01),
        prior={"weights": ll.priors.Normal(2.0), "dense_1": ll.priors.Laplace(0.5)},
    )
    network.fit(
        data["numbers"], i % 3, optimizer="nadam", epochs=3, batch_size=10, seed=1, averaging=ll.averaging.EMA(0.9),
        validation=0.25, verbose=False,
    )  # fmt: skip
    classifier = ll.Classifier(
        (4,), optimizer=ll.optimizers.Momentum(0.1), schedule=ll.schedules.WarmUp(2, "cosine"), max_iter=4,
        class_weight={"no": 2.0}, random_state=0,
    )  # fmt: skip
    classifier.fit(data["frame"], np.where(i % 3 == 0, "yes", "no"))
    regressor = ll.Regressor((4,), likelihood="normal", max_iter=3, random_state=0)
    regressor.fit(data["numbers"][:, :2], np.stack([i % 5, 100.0 * i], axis=1))
    return {"network": network, "classifier": classifier, "regressor": regressor}


def answers(models: dict[str, Any]) -> dict[str, Any]:
    """What each says of the inputs."""
    data = inputs()
    return {
        "network": models["network"].predict_proba(data["numbers"], threads=1),
        "classifier": models["classifier"].predict_proba(data["frame"]),
        "regressor": models["regressor"].predict(data["numbers"][:, :2]),
    }


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    made = models()
    for name, model in made.items():
        model.save(folder / f"{name}.safetensors")
    np.savez(folder / "answers.npz", **answers(made))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
