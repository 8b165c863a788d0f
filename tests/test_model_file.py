"""A network that was saved is the same network; a file that is not whole is refused by name, whatever is wrong with it.

LIKELIEST_FUZZ_EXAMPLES says how many mutated files are tried.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import pickle
import random
import time
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest import tensor_file
from likeliest.model_file import read_description

EXAMPLES = int(os.environ.get("LIKELIEST_FUZZ_EXAMPLES", "0"))
V1 = Path(__file__).parent / "model_files" / "v1"
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(45, 6)), RNG.integers(0, 3, 45)
OPTIONS: dict[str, Any] = {"batch_size": 10, "threads": 1}


def network(engine: str = "native", dtype: str = "float32") -> ll.Network:
    return ll.Network(
        [ll.Dense(9, "tanh"), ll.Dropout(0.2), ll.BatchNorm()],
        likelihood=ll.likelihoods.Categorical(3),
        engine=engine,
        dtype=dtype,
    )


def state(net: ll.Network) -> dict[str, Any]:
    """All that a network knows, to be compared to the bit."""
    found = net.__getstate__()
    program, arrays = found.pop("_state")
    return {**found, "program": program, **{name: value.tobytes() for name, value in arrays.items()}}


def assert_same(a: ll.Network, b: ll.Network) -> None:
    one, other = state(a), state(b)
    assert repr(one) == repr(other)  # NaN, too, where no look was taken


def saved(net: Any, folder: Path, **how: Any) -> Any:
    net.save(folder / "net.safetensors")
    return ll.load(folder / "net.safetensors", **how)


# A network ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory_map", [False, True])
@pytest.mark.parametrize("averaging", [None, ll.averaging.EMA(0.9)])
@pytest.mark.parametrize("optimizer", ["adam", "momentum", "adagrad", "lion", "gradient_ascent"])
@pytest.mark.parametrize(("engine", "dtype"), [("native", "float32"), ("native", "float64"), ("reference", "float64")])
def test_a_saved_network_predicts_and_continues_bit_for_bit(
    optimizer: str, averaging: Any, engine: str, dtype: str, memory_map: bool, tmp_path: Path
) -> None:
    net = network(engine, dtype)
    how = {**OPTIONS, "averaging": averaging, "validation": 0.2}
    net.fit(X, Y, optimizer=optimizer, epochs=2, seed=3, validation_every=2, **how)
    twin = saved(net, tmp_path, memory_map=memory_map)
    assert np.array_equal(net.predict_proba(X, threads=1), twin.predict_proba(X, threads=1))
    assert_same(net, twin)
    assert repr(twin) == repr(net)
    for one in (net, twin):
        one.fit(X, Y, epochs=2, **how).seconds.clear()
    assert_same(net, twin)


def test_lbfgs_continues_too(tmp_path: Path) -> None:
    net = ll.Network([ll.Dense(4, "tanh")], likelihood="normal", dtype="float64")
    net.fit(X, X[:, 0], optimizer="lbfgs", epochs=5, seed=1, threads=1)
    twin = saved(net, tmp_path)
    for one in (net, twin):
        one.fit(X, X[:, 0], epochs=5, threads=1).seconds.clear()
    assert_same(net, twin)


def test_a_network_that_was_only_built(tmp_path: Path) -> None:
    net = network().build(6, seed=4)
    twin = saved(net, tmp_path)
    assert_same(net, twin)
    for one in (net, twin):
        one.fit(X, Y, epochs=1, **OPTIONS).seconds.clear()
    assert_same(net, twin)


@pytest.mark.parametrize(
    ("layers", "likelihood", "shape"),
    [
        ([], ll.likelihoods.Bernoulli(), 1),
        ([ll.Flatten(), ll.Dense(2, bias=False)], ll.likelihoods.NormalMixture(2), (2, 3)),
        ([ll.Embedding([(1, 4, 2)]), ll.Activation("elu", {"alpha": 0.5})], "student_t", 3),
        ([ll.GaussianNoise(0.1), ll.LayerNorm(), ll.RMSNorm()], ll.likelihoods.Quantile((0.1, 0.9)), 5),
    ],
)
def test_every_kind_of_network(layers: Any, likelihood: Any, shape: Any, tmp_path: Path) -> None:
    net = ll.Network(
        layers, likelihood=likelihood, prior={"weights": ll.priors.Horseshoe(), "output.b": ll.priors.StudentT(df=3)},
        initializer={"output": ll.initializers.Orthogonal(0.5)},
    ).build(shape, seed=2)  # fmt: skip
    twin = saved(net, tmp_path)
    assert_same(net, twin)
    assert (twin.prior, twin.initializer) == (net.prior, net.initializer)


def test_saving_again_gives_the_same_file_and_may_replace_the_one_that_is_mapped(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, epochs=1, seed=0, **OPTIONS)
    path = tmp_path / "net.safetensors"
    net.save(path)
    first = path.read_bytes()
    twin = ll.load(str(path), memory_map=True)
    twin.save(path)
    assert path.read_bytes() == first
    for duplicate in (pickle.loads(pickle.dumps(ll.load(path, memory_map=True))), copy.copy(ll.load(path))):
        duplicate.save(path)
        assert path.read_bytes() == first


def test_a_mapped_network_is_not_read_before_it_is_used(tmp_path: Path) -> None:
    net = network().build(6)
    path = tmp_path / "net.safetensors"
    net.save(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    twin = ll.load(path, memory_map=True)
    assert twin.layers == net.layers
    for _ in range(2):
        with pytest.raises(ll.ModelFileError, match="its numbers do not match their checksum"):
            twin.predict(X)
    path.unlink()
    with pytest.raises(ll.ModelFileError, match="its numbers do not match their checksum"):
        twin.fit(X, Y)


def test_a_mapped_file_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    ll.Network([], likelihood="normal").build(50_000).save(path)
    twin = ll.load(path, memory_map=True)
    os.truncate(path, 10_000)
    with pytest.raises(ll.ModelFileError, match="it has become shorter since it was opened"):
        _ = twin.parameters


def test_the_file_is_one_that_safetensors_reads(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    net = network()
    net.fit(X, Y, epochs=1, **OPTIONS)
    net.save(tmp_path / "net.safetensors")
    found = numpy.load_file(tmp_path / "net.safetensors")
    for name, value in net.parameters.items():
        assert np.array_equal(found[name], value)
    assert len(found) == 3 * len(net.parameters)  # and Adam's two running means


def test_numbers_begin_where_a_line_of_the_cache_does(tmp_path: Path) -> None:
    network().build(6).save(tmp_path / "net")
    assert (8 + int.from_bytes((tmp_path / "net").read_bytes()[:8], "little")) % 64 == 0


def test_description(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, epochs=2, seed=7, **OPTIONS)
    net.save(tmp_path / "net")
    found = read_description(tmp_path / "net")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["format"], found["likeliest"], found["kind"]) == (1, ll.__version__, "Network")
    assert found["arrays"]["dense_1.W"] == [6, 9]
    assert found["network"]["position"] | {"optimizer": 0} == {
        "epochs": 2, "steps": 10, "optimizer": 0, "seed": 7, "averaged": False
    }  # fmt: skip
    assert len(found["network"]["history"]["log_likelihood"]) == 2


def test_what_cannot_be_saved_is_said_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "net"
    path.write_bytes(b"mine")

    class Own:
        def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
            return -((eta[:, 0] - y) ** 2)

    own: Any = Own()
    with pytest.raises(ValueError, match=r"likelihood: .*Own.* cannot be saved"):
        ll.Network([], likelihood=own).build(2).save(path)
    with pytest.raises(RuntimeError, match=r"no θ yet: call fit\(X, y\), or build\(input_shape\)"):
        network().save(path)
    with pytest.raises(ValueError, match="path: expected the name of a file to write, found 3"):
        network().build(6).save(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"path: expected the name of a file to write, but .* is a folder"):
        network().build(6).save(tmp_path)

    class Mine(ll.Network):
        pass

    with pytest.raises(ValueError, match="network: Mine is a class of your own"):
        Mine([], likelihood="normal").build(2).save(path)
    net = network().build(6)
    net._built().set("output.b", np.array([0, np.nan, 0]))
    with pytest.raises(ValueError, match="numbers in θ that are not finite"):
        net.save(path)
    assert os.listdir(tmp_path) == ["net"]
    assert path.read_bytes() == b"mine"


def test_many_numbers_go_through_in_pieces(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(tensor_file, "PIECE", 64)
    monkeypatch.setattr(tensor_file, "AHEAD", 256)
    monkeypatch.setattr(tensor_file, "MAPPED", 64)
    net = network()
    net.fit(X, Y, epochs=1, seed=0, **OPTIONS)
    assert_same(net, saved(net, tmp_path))


# Files that are not whole ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: Any) -> bytes:
    path = tmp_path_factory.mktemp("small") / "net"
    net = ll.Network([ll.Dense(2, "tanh")], likelihood="normal")
    net.fit(X[:, :2], X[:, 2], epochs=2, seed=0, **OPTIONS)
    net.save(path)
    return bytes(path.read_bytes())


def refused(data: bytes, path: Path, message: str = ".") -> None:
    path.write_bytes(data)
    with pytest.raises(ll.ModelFileError, match=message) as caught:
        ll.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.slow
def test_every_flipped_bit_is_found(small: bytes, tmp_path: Path) -> None:
    data = bytearray(small)
    for place in range(len(data)):
        bit = 1 << (place % 8)
        data[place] ^= bit
        refused(bytes(data), tmp_path / "net")
        data[place] ^= bit


def test_a_file_cut_at_any_byte(small: bytes, tmp_path: Path) -> None:
    for length in [*range(0, len(small), 7), len(small) - 1]:
        refused(small[:length], tmp_path / "net")
    refused(small + b"\0", tmp_path / "net", "but it has")


def parts(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Entries, description and numbers of a file."""
    length = int.from_bytes(data[:8], "little")
    entries = json.loads(data[8 : 8 + length])
    return entries, json.loads(entries["__metadata__"]["description"]), data[8 + length :]


def whole(entries: Any, description: Any, numbers: bytes) -> bytes:
    """A file of these, with the checksums that belong to them."""
    text = description if isinstance(description, str) else json.dumps(description)
    rest = {name: entry for name, entry in entries.items() if name != "__metadata__"}
    pieces = [zlib.crc32(numbers[k : k + tensor_file.PIECE]) for k in range(0, len(numbers), tensor_file.PIECE)]
    return tensor_file._header(text, pieces, rest) + numbers


def test_a_file_put_together_again_is_whole(small: bytes, tmp_path: Path) -> None:
    again = whole(*parts(small))
    (tmp_path / "net").write_bytes(again)
    assert ll.load(tmp_path / "net").history.epochs == 2


def change(description: Any, place: str, value: Any) -> None:
    *parents, name = place.split(".")
    for parent in parents:
        description = description[int(parent) if parent.isdigit() else parent]
    description[int(name) if name.isdigit() else name] = value


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("format", 2, r"has format 2, made by likeliest 0\.1\.0; this one reads 1: upgrade it"),
        ("format", "1", "its format is '1'"),
        ("kind", "Pickle", "it holds a 'Pickle'; expected one of Network"),
        ("kind", "Classifier", "damaged: KeyError: 'settings'"),
        ("network.layers.items.0.type", "layers.Conv9D", "no type 'layers.Conv9D'; a newer likeliest may have it"),
        ("network.layers.items.0.depth", 3, "layers.Dense has no 'depth'; a newer likeliest may have it"),
        ("network.layers.items.0.width", 3, r"dense_1.W: expected shape \(2, 3\), found \(2, 2\)"),
        ("network.layers.items.0.width", 10**12, "damaged"),
        ("network.layers.items.0.width", -2, "width: expected a whole number of cells, at least 1, found -2"),
        ("network.likelihood", {"type": "likelihoods.Categorical", "classes": 10**9}, "damaged"),
        ("network.prior", {"type": "layers.Flatten"}, "prior: expected one of likeliest.priors"),
        ("network.prior", {"type": "dict", "items": [["no", {"type": "priors.Flat"}]]}, "no layer or parameter 'no'"),
        ("network.engine", "cuda", "engine: expected one of"),
        ("network.dtype", "float64", "its arrays are not those of its layers"),
        ("network.input_shape", [3], r"dense_1.W: expected shape \(3, 2\), found \(2, 2\)"),
        ("network.input_shape", [10**9, 10**9], "too large for its arrays"),
        ("network.input_shape", [-2], "input_shape: expected positive sizes"),
        ("network.position.averaged", True, "its arrays are not those of its layers"),
        ("network.position.optimizer", None, "its arrays are not those of its layers"),
        ("network.position.steps", -1, "steps: expected a whole number"),
        ("network.position.seed", 0.5, "seed: expected a whole number"),
        ("network.history.seconds", ["fast"], "history: seconds expected numbers"),
        ("network.more", 1, "network: found .*more"),
    ],
)
def test_a_description_that_makes_no_sense(place: str, value: Any, message: str, small: bytes, tmp_path: Path) -> None:
    entries, description, numbers = parts(small)
    change(description, place, value)
    refused(whole(entries, description, numbers), tmp_path / "net", message)


def test_arrays_that_do_not_fit(small: bytes, tmp_path: Path) -> None:
    entries, description, numbers = parts(small)
    path = tmp_path / "net"
    for change_entries, message in (
        (lambda e: e.pop("dense_1.b"), "is at"),
        (lambda e: e.update(more=e["dense_1.b"]), "more is at"),
        (lambda e: e["dense_1.W"].update(shape=[4]), "dense_1.W: expected shape"),
        (lambda e: e["dense_1.W"].update(shape=[-2, -2]), "dense_1.W has shape"),
        (lambda e: e["dense_1.W"].update(shape=[2**40, 2**40]), "is at"),
        (lambda e: e["dense_1.W"].update(dtype="F64"), "of several types"),
        (lambda e: e["dense_1.W"].update(dtype="I32"), "of several types"),
        (lambda e: e["dense_1.W"].update(data_offsets=[0, 15]), "is at"),
        (lambda e: e["dense_1.W"].update(data_offsets="all"), "is at"),
        (lambda e: e.update(more=3), "its header makes no sense"),
    ):
        changed = copy.deepcopy(entries)
        change_entries(changed)
        refused(whole(changed, description, numbers), path, message)
    values = np.frombuffer(numbers, np.float32).copy()
    for wrong in (np.nan, np.inf):
        values[1] = wrong
        refused(whole(entries, description, values.tobytes()), path, "numbers in it that are not finite")
    doubled = whole(entries, description, numbers).replace(b'"dense_1.b"', b'"dense_1.W"')
    zeroed = doubled[: 8 + len(tensor_file.START)] + b"00000000" + doubled[16 + len(tensor_file.START) :]
    header = zeroed[: len(zeroed) - len(numbers)]
    crc = f"{zlib.crc32(header):08x}".encode()
    again = doubled[: 8 + len(tensor_file.START)] + crc + doubled[16 + len(tensor_file.START) :]
    refused(again, path, "a name stands twice")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[]",
        "3",
        "",
        "{",
        '{"a":NaN}',
        "9" * 9999,
    ],
    ids=["lists", "objects", "list", "number", "nothing", "half", "nan", "digits"],
)
def test_json_that_is_a_bomb_or_nothing(text: str, small: bytes, tmp_path: Path) -> None:
    entries, _, numbers = parts(small)
    refused(whole(entries, text, numbers), tmp_path / "net", "damaged")


def test_headers_that_are_too_large(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net"
    for length in (2**63, 2**64 - 1, 10**9, 0, 5):
        refused(length.to_bytes(8, "little") + small[8:], path, "damaged: its header")
    entries, _, numbers = parts(small)
    refused(
        whole(entries, "[" + "[]," * 1_100_000 + "0]", numbers), path, "holds 1,100,.* lists and objects, more than"
    )


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04K\x01.", b"PK\x03\x04" * 30, bytes(1000), b"\x10" + bytes(7) + b"{}" * 50]
)
def test_what_is_no_model_file(content: bytes, tmp_path: Path) -> None:
    refused(content, tmp_path / "net", "no model file of likeliest|it is empty")


def test_where_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ll.load(tmp_path / "missing")
    with pytest.raises((IsADirectoryError, PermissionError)):
        ll.load(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ll.ModelFileError, match="expected an ordinary file, found something else"):
            ll.load(tmp_path / "pipe")
    with pytest.raises(ValueError, match="path: expected the name of a model file, found 3"):
        ll.load(3)  # type: ignore[arg-type]


def test_a_file_of_safetensors_itself(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"a": np.zeros(3, np.float32)}, tmp_path / "net", metadata={"format": "np"})
    with pytest.raises(ll.ModelFileError, match=r"no model file of likeliest, .* another program has written it"):
        ll.load(tmp_path / "net")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of everything in a JSON value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    for key, item in items:
        found += leaves(item, (*path, key))
    return found


THINGS: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 64, 2**31, 2**63, 2**64, 10**30,
    0.5, -0.5, 1e308, 1e-320, "", "a", "nan", "auto", "inf", [], [0],
    [[]], {}, {"type": "tuple", "items": []}, {"type": "dict", "items": []}, {"type": "float", "value": "nan"},
    {"type": "float", "value": "inf"}, {"type": "layers.Dense", "width": 10**9}, {"type": "bytes", "hex": ""},
    {"type": "array", "dtype": "<f8", "shape": [0], "values": []}, {"type": "class", "name": "priors.Normal"},
    {"type": "likelihoods.MultivariateNormal", "count": 10**6}, {"type": "likelihoods.Ordinal", "classes": 10**9},
]  # fmt: skip


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A file with something wrong in it: some bytes, or something in the description or the header, checksums right."""
    if chance.random() < 0.3:
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(changed))
            action = chance.randrange(4)
            if action == 0:
                changed[place] = chance.randrange(256)
            elif action == 1:
                del changed[place : place + chance.randint(1, 50)]
            elif action == 2:
                changed[place:place] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 20)))
            else:
                del changed[place:]
            if not changed:
                break
        return bytes(changed)
    entries, description, numbers = parts(data)
    del entries["__metadata__"]
    for _ in range(chance.randint(1, 3)):
        target: Any = description if chance.random() < 0.8 else entries
        *parents, name = chance.choice(leaves(target))
        for parent in parents:
            target = target[parent]
        action = chance.randrange(4)
        if action == 0 and isinstance(target, dict):
            del target[name]
        elif action == 1 and isinstance(target, dict):
            target[chance.choice(["type", "a", name + "s"])] = target[name]
        elif action == 2 and isinstance(target, list):
            target.insert(chance.randint(0, len(target)), copy.deepcopy(chance.choice([target[name], *THINGS])))
        else:
            target[name] = copy.deepcopy(chance.choice(THINGS))
    if chance.random() < 0.1:
        values = np.frombuffer(numbers, np.uint8).copy()
        values[chance.randrange(len(values))] ^= 0xFF
        numbers = values.tobytes()
    return whole(entries, description, numbers)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["network", "classifier", "regressor"])
def test_mutated_files(name: str, tmp_path: Path) -> None:
    data, path = (V1 / f"{name}.safetensors").read_bytes(), tmp_path / "net"
    chance = random.Random(name if not EXAMPLES else None)
    answers, made = maker(), 0
    ll.load(V1 / f"{name}.safetensors")  # so that everything is imported
    for _ in range(EXAMPLES // 3 or 300):
        seed = chance.randrange(2**32)
        content = mutated(data, random.Random(seed))
        path.write_bytes(content)
        begin = time.perf_counter()
        tracemalloc.start()
        try:
            model = ll.load(path)
        except ll.ModelFileError as error:
            if str(path) not in str(error):
                raise
            model = None
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert time.perf_counter() - begin < 1, seed
        assert peak < 2 * len(content) + (4 << 20), (seed, peak)
        if model is not None:  # what was changed did no harm: a seed, a number that is as good as another
            made += 1
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", "X has feature names")  # those of the file were taken out
                    answers(name, model)
            except BaseException as error:
                raise AssertionError(f"seed {seed}: {error!r}") from error
    assert 0 < made < (EXAMPLES // 3 or 300)


# Files of old ---------------------------------------------------------------------------------------------------------


def make() -> Any:
    spec = importlib.util.spec_from_file_location("make_model_files", V1.parent / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def maker() -> Callable[[str, Any], Any]:
    """What a model says of the inputs with which the files were made."""
    module: Any = make()
    data = module.inputs()
    of: dict[str, Callable[[Any], Any]] = {
        "network": lambda net: net.predict_proba(data["numbers"], threads=1),
        "classifier": lambda clf: clf.predict_proba(data["frame"]),
        "regressor": lambda reg: reg.predict(data["numbers"][:, :2]),
    }
    return lambda name, model: of[name](model)


@pytest.mark.parametrize("name", ["network", "classifier", "regressor"])
def test_files_of_format_1_are_read_and_predict_what_they_did(name: str) -> None:
    model = ll.load(V1 / f"{name}.safetensors")
    with np.load(V1 / "answers.npz") as stored:
        np.testing.assert_allclose(maker()(name, model), stored[name], rtol=1e-5)  # of another instruction set, perhaps


def test_the_script_makes_such_files(tmp_path: Path) -> None:
    make().main(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(os.listdir(V1))
    for path in V1.glob("*.safetensors"):
        now, then = read_description(tmp_path / path.name), read_description(path)
        for description in (now, then):
            description["likeliest"] = ""
            del description["network"]["history"]
            description.get("fitted", {}).pop("history_", None)
        later = {"augment": None}  # settings that came after these files, with what they are without a word
        for name in later.keys() & now.get("settings", {}).keys():
            assert now["settings"].pop(name) == later[name]
        assert now == then
