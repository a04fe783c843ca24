"""`--variant auto`: measured once, kept by machine and bundle."""

import pytest

from edge.app.doctor import examine
from edge.base.errors import UserError
from edge.base.settings import AUTO, Options
from edge.faces.recognizer import Recognizer
from edge.model import fastest_variant as fastest_module
from edge.model.bundle import model_file
from edge.model.fastest_variant import MEASURING_SECONDS, fastest_variant, measured_times, resolve_variant


class Machine:
    """Classifiers that take as long as this machine says, by a clock of its own; `measured` has those that ran."""

    def __init__(self, **seconds):
        self.seconds, self.now, self.measured = seconds, 0.0, []

    def clock(self):
        return self.now

    def open(self, bundle, threads):
        return StandIn(self, bundle.variant)


class StandIn:
    input_size = 48

    def __init__(self, machine, variant):
        self.machine, self.variant = machine, variant

    def classify(self, faces):
        assert faces.shape == (1, 48, 48, 3)
        self.machine.measured.append(self.variant)
        self.machine.now += self.machine.seconds[self.variant]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTION_EDGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fastest_module, "validate_model", lambda bundle: None)
    return tmp_path / "cache"


@pytest.fixture
def on(monkeypatch, bundle):
    """`on(machine)` measures the bundle's variants on it."""

    def measure(machine, folder=bundle, threads=1):
        monkeypatch.setattr(fastest_module.EmotionClassifier, "from_bundle", machine.open)
        return fastest_variant(folder, threads, machine.clock)

    return measure


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [({"float32": 0.002, "int8": 0.001}, "int8"), ({"float32": 0.001, "int8": 0.0011}, "float32")],
)
def test_the_fastest_is_taken(on, seconds, expected):
    assert on(Machine(**seconds)) == expected


def test_variants_take_turns_for_half_a_second(on):
    machine = Machine(float32=0.02, int8=0.01)
    on(machine)
    warm_up = 0.03
    assert machine.now == pytest.approx(warm_up + MEASURING_SECONDS, abs=0.03)
    assert machine.measured == ["float32", "int8"] * (len(machine.measured) // 2)


def test_slow_variants_run_at_least_once(on):
    assert on(Machine(float32=9.0, int8=8.0)) == "int8"


def test_the_answer_is_kept(on, bundle):
    on(Machine(float32=0.002, int8=0.001))
    later = Machine(float32=0.001, int8=0.002)
    assert on(later) == "int8"
    assert not later.measured
    assert measured_times(bundle, 1) == pytest.approx({"int8": 0.001, "float32": 0.002})


@pytest.mark.parametrize(
    ("module", "name"),
    [(fastest_module, "runtime_version"), (fastest_module, "processor_name"), (fastest_module.platform, "node")],
)
def test_another_machine_or_runtime_is_measured_anew(on, monkeypatch, module, name):
    on(Machine(float32=0.002, int8=0.001))
    monkeypatch.setattr(module, name, lambda: "another")
    assert on(Machine(float32=0.001, int8=0.002)) == "float32"


def test_other_models_and_numbers_of_threads_are_measured_anew(on, make_bundle, tmp_path):
    on(Machine(float32=0.002, int8=0.001))
    assert on(Machine(float32=0.001, int8=0.002), threads=2) == "float32"
    other = make_bundle(tmp_path / "other", model={"size": 48, "softmax": False})
    assert on(Machine(float32=0.001, int8=0.002), other) == "float32"


@pytest.mark.parametrize("kept", [b"", b"{", b'{"int8": "fast"}', b"[]", b'{"float16": 1}'])
def test_a_damaged_answer_is_measured_anew(on, cache, kept):
    on(Machine(float32=0.002, int8=0.001))
    (file,) = (cache / "fastest").iterdir()
    file.write_bytes(kept)
    assert on(Machine(float32=0.001, int8=0.002)) == "float32"


def test_without_a_cache_it_is_measured_at_every_start(on, cache):
    cache.write_bytes(b"no folder")
    assert on(Machine(float32=0.002, int8=0.001)) == "int8"
    assert on(Machine(float32=0.001, int8=0.002)) == "float32"


def test_one_variant_is_not_measured(on, make_bundle, tmp_path):
    folder = make_bundle(tmp_path / "bundle")
    (folder / model_file("float32")).unlink()
    machine = Machine()
    assert on(machine, folder) == "int8"
    assert not machine.measured


def test_a_variant_that_does_not_run_here_is_left_out(on, monkeypatch):
    machine = Machine(float32=0.001, int8=0.002)

    def open_(bundle, threads):
        if bundle.variant == "float32":
            raise UserError("cannot run this model", "take another variant")
        return StandIn(machine, bundle.variant)

    machine.open = open_
    assert on(machine) == "int8"


def test_a_bundle_without_a_model_is_refused(on, make_bundle, tmp_path):
    folder = make_bundle(tmp_path / "bundle")
    for variant in ("float32", "int8"):
        (folder / model_file(variant)).unlink()
    with pytest.raises(UserError, match="holds no model"):
        on(Machine(), folder)


def test_a_run_takes_it_and_names_it(bundle):
    recognizer = Recognizer.from_options(Options(model=bundle, variant=AUTO))
    assert recognizer.identity["variant"] == next(iter(measured_times(bundle, 1))), "the fastest is the first"
    assert resolve_variant(Options(model=bundle, variant="int8")).variant == "int8"


def test_the_doctor_tells_it(on, bundle):
    def told():
        return next(finding.detail for finding in examine(bundle) if finding.name.strip() == "fastest")

    assert "--variant auto" in told()
    on(Machine(float32=0.002, int8=0.001))
    assert told() == "int8 1.00 ms, float32 2.00 ms"
