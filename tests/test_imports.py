"""The direction of imports, and how little `import likeliest` costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import likeliest

ROOT = Path(likeliest.__file__).parent

# Each may import only what stands in a line before its own; those of one line do not import each other.
ORDER = """
xp random
augmentation ops likelihoods priors optimizers initializers schedules averaging threads data forecasting atomic
warned distributed
calibration likelihood_check tables tensor_file
sequences
grids program
 causality layers engines
 structures one_step
 tracing gradient_check summary stream twins parameters history progress assembly encoding consecutive
 rereading
 fit html sampling streaming examples
 preparation callbacks data_dependent
state
network_file
checkpoint
fitting
network
sequence_to_sequence character_model estimators export
model_file
""".strip().splitlines()
LEVEL = {name: level for level, line in enumerate(ORDER) for name in line.split()}
# Nothing of the core may import these.
ASIDE = {"handout", "datasets", "plots", "explain", "learning_rate_finder", "cli"}


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports, wherever the import stands; not those for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own(path: Path) -> set[str]:
    """The first parts, inside the package, of what a file imports from it."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("likeliest.")}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_imports_only_what_precedes_it(path: Path) -> None:
    name = name_of(path)
    if name in ASIDE:
        return
    assert name in LEVEL, f"{name} has no place in the order of imports: give it one"
    for other in own(path) - {name, "_native"}:
        if (name, other) != ("history", "plots"):  # History.plot, an import in a function for those who call it
            assert LEVEL.get(other, len(ORDER)) < LEVEL[name], f"{name} imports {other}"


def test_layers_and_engines_do_not_know_each_other() -> None:
    for path in modules():
        if name_of(path) == "layers":
            assert "engines" not in own(path)
        if name_of(path) == "engines":
            assert "layers" not in own(path)
            others = {"likeliest.engines.native", "likeliest.engines.reference", "likeliest.engines.jax"}
            assert path.stem == "__init__" or not others & imported(path)


def test_the_handout_stands_alone() -> None:
    assert own(ROOT / "handout.py") == set()
    assert {name.split(".")[0] for name in imported(ROOT / "handout.py")} == {"numpy"}


def test_the_native_module_is_imported_in_one_place() -> None:
    users = [path.relative_to(ROOT) for path in modules() if "_native" in own(path)]
    assert users == [Path("engines/native.py")]


@pytest.mark.parametrize(
    ("library", "places"),
    [
        ("jax", {"engines", "distributed"}),
        ("torch", set()),
        ("sklearn", {"estimators", "datasets", "cli"}),
        ("matplotlib", {"plots", "cli"}),
        ("rich", {"progress", "datasets", "cli"}),
        ("typer", {"cli"}),
        ("pandas", set()),
        ("onnx", {"export"}),
        ("onnxruntime", set()),
        ("dask", set()),
        ("distributed", set()),
        ("joblib", set()),
        ("tensorboard", {"callbacks"}),
        ("polars", {"cli", "datasets"}),
        ("pyarrow", set()),
        ("PIL", {"cli"}),
    ],
)
def test_each_library_has_its_place(library: str, places: set[str]) -> None:
    users = {name_of(path) for path in modules() if any(name.split(".")[0] == library for name in imported(path))}
    assert users <= places


def test_jax_is_imported_by_its_engine_only() -> None:
    users = [path.relative_to(ROOT) for path in modules() if "jax" in {name.split(".")[0] for name in imported(path)}]
    assert users == [Path("distributed.py"), Path("engines/devices.py"), Path("engines/jax.py")]


def test_onnx_is_imported_in_one_place() -> None:
    users = [path.relative_to(ROOT) for path in modules() if "onnx" in {name.split(".")[0] for name in imported(path)}]
    assert users == [Path("export/onnx_file.py")]


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


def test_import_likeliest_imports_next_to_nothing() -> None:
    new = run(
        "import sys, numpy, importlib, typing; before = set(sys.modules); import likeliest;"
        "print(*sorted(set(sys.modules) - before))"
    ).split()
    ours = [name for name in new if name.split(".")[0] == "likeliest"]
    assert ours == ["likeliest"]
    assert len(new) < 10


def test_fitting_and_predicting_import_no_heavy_library() -> None:
    heavy = ("sklearn", "scipy", "matplotlib", "rich", "typer", "pandas", "pyarrow", "jax", "torch")
    new = run(
        "import sys, likeliest as ll;"
        "net = ll.Network([ll.Dense(2, 'tanh')], likelihood=ll.likelihoods.Bernoulli());"
        "net.fit([[0.0], [1.0]], [0, 1], epochs=1); net.predict([[1.0]]);"
        "print(*sys.modules)"
    ).split()
    assert not {name.split(".")[0] for name in new} & set(heavy)


def test_every_public_name_is_there() -> None:
    for name in set(likeliest.__all__) - {"plots"}:  # plots needs matplotlib
        assert getattr(likeliest, name) is not None
        assert name in dir(likeliest)
    with pytest.raises(AttributeError, match="module 'likeliest' has no attribute 'Desne'"):
        _ = likeliest.Desne
