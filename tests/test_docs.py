"""What the README and the guide show is run: their Python blocks, in order, each page in one namespace."""

import re
from pathlib import Path

import numpy as np
import pytest

import likeliest as ll

ROOT = Path(__file__).parent.parent


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.S)


def test_the_readme_learns_the_digits() -> None:
    names: dict[str, object] = {}
    for code in blocks("README.md"):
        exec(code, names)
    y_hat, digits = names["y_hat"], names["digits"]
    assert isinstance(y_hat, np.ndarray)
    assert ((y_hat > 0.5) == digits.test_labels).mean() >= 0.98  # type: ignore[attr-defined]


def test_the_guide_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(120, 5))
    names: dict[str, object] = {"X": X, "y": (X[:, 0] * X[:, 1] > 0).astype(int)}
    code = blocks("docs/guide.md")
    assert len(code) >= 9
    for block in code:
        exec(block, names)
    assert names["report"].ok, names["report"]  # type: ignore[attr-defined]
    assert isinstance(names["trace"], type(ll.Network([], likelihood=ll.likelihoods.Bernoulli()).build(5).trace(X)))


@pytest.mark.parametrize(
    "page", sorted(p.relative_to(ROOT).as_posix() for p in [*ROOT.glob("*.md"), *ROOT.rglob("docs/**/*.md")])
)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / page).read_text(encoding="utf-8")):
        assert link.startswith("https://") or ((ROOT / page).parent / link).exists(), link
