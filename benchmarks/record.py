"""A measurement as one line of JSON, so that runs can be compared later."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.summary import Summary


@dataclass(frozen=True)
class Record:
    """The file of a run, and what all its lines begin with."""

    path: Path
    machine: dict[str, object]

    @classmethod
    def of_run(cls, path: Path | None, name: str, machine: dict[str, object]) -> Record:
        """The file at ``path``, or a new one in benchmarks/results that begins with ``name``."""
        new = f"{name}-{machine['date']}.jsonl".replace(":", "").lstrip("-")
        return cls(path or Path(__file__).resolve().parent / "results" / new, machine)

    def write(self, measurement: str, unit: str, figures: dict[str, list[float]], **more: object) -> None:
        """One line for each peer in ``figures``; what is in ``more`` and named by peer goes to that peer's line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            for peer, values in figures.items():
                own = {key: value.get(peer) if isinstance(value, dict) else value for key, value in more.items()}
                line = {**self.machine, "measurement": measurement, "peer": peer, **own, "unit": unit}
                print(json.dumps({**line, **asdict(Summary.of(values)), "rounds": values}), file=file)
