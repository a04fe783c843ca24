"""A short run of the fuzzer, and that it finds what there is to find."""

import sys
import time
from random import Random

import pytest

pytest.importorskip("starlette", reason="the extra 'web' is not installed")
pytest.importorskip("ai_edge_litert.schema_py_generated", reason="no TFLite schema here to write a model by")

from .harness import ACCEPTED, BUG, REFUSED, Outcome, Worker, fuzz, serve
from .live_page import LivePages, Questions
from .manifests import Manifests
from .models import Models
from .pictures import Pictures

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")


@pytest.mark.parametrize(
    ("kind", "count"), [(LivePages, 400), (Questions, 400), (Pictures, 600), (Manifests, 200), (Models, 60)]
)
def test_nothing_is_found(yunet, kind, count):
    said = []
    with kind() as target:
        report = fuzz(target, 0, range(count), float("inf"), None, said.append)
        if issubclass(kind, LivePages):
            assert target.stop() == 0
    assert not said
    assert report.inputs == count
    assert report.outcomes[ACCEPTED] and report.outcomes[REFUSED]


@pytest.mark.parametrize("kind", [LivePages, Questions, Pictures, Manifests, Models])
def test_an_input_is_made_again_by_its_number(kind):
    first, second = kind(), kind()
    for number in range(30):
        assert first.make(Random(f"1 {number}")) == second.make(Random(f"1 {number}"))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(b"dies", "the process ended", id="death"),
        pytest.param(b"hangs", "no answer", id="hang"),
        pytest.param(b"fails", "ZeroDivisionError", id="exception"),
    ],
)
def test_what_goes_wrong_in_a_worker_is_found(content, found):
    worker = Worker("tests.fuzz.test_fuzz", 3)
    try:
        assert worker.ask(b"good").kind == ACCEPTED
        outcome = worker.ask(content)
        assert outcome.kind == BUG
        assert found in outcome.text
        assert worker.ask(b"good").kind == ACCEPTED
    finally:
        worker.close()


class Scripted:
    """A target that goes wrong at one number."""

    name, share = "scripted", 1.0

    def make(self, random):
        return random.randbytes(4)

    def give(self, content):
        return Outcome(BUG if content == Random("7 scripted 3").randbytes(4) else REFUSED, "wrong")

    def check(self):
        return iter(["odd"])


def test_a_finding_says_how_to_come_to_it_and_its_input_is_kept(tmp_path):
    said = []
    report = fuzz(Scripted(), 7, range(5), float("inf"), tmp_path, said.append)
    assert said == [
        "FOUND scripted --seed 7 --first 3 --inputs 1: wrong",
        "FOUND scripted --seed 7 --first 0 --inputs 5: odd",
    ]
    assert (tmp_path / "scripted-7-3").read_bytes() == Random("7 scripted 3").randbytes(4)
    assert len(report.findings) == 2


def _go_wrong(content):
    if content == b"dies":
        sys.exit()
    if content == b"hangs":
        time.sleep(1000)
    return ACCEPTED, str(1 // (content != b"fails"))


if __name__ == "__main__":
    serve(_go_wrong)
