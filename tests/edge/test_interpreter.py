"""Which runtime is taken, and what happens where there is none."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest

from edge import interpreter
from edge.errors import UserError
from edge.interpreter import RUNTIMES, open_interpreter, runtime

LITERT, OLD, TENSORFLOW = RUNTIMES


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        pytest.param([LITERT], LITERT, id="ai-edge-litert"),
        pytest.param([OLD], OLD, id="tflite-runtime"),
        pytest.param([TENSORFLOW], TENSORFLOW, id="TensorFlow"),
        pytest.param([TENSORFLOW, OLD], OLD, id="the small one before TensorFlow"),
        pytest.param([TENSORFLOW, OLD, LITERT], LITERT, id="the present one before its predecessor"),
    ],
)
def test_the_best_runtime_is_taken(monkeypatch, installed, expected):
    asked = []

    def import_module(name):
        asked.append(name)
        if name not in installed:
            raise ModuleNotFoundError(name)
        return SimpleNamespace(__name__=name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    assert runtime() == expected
    assert asked == list(RUNTIMES[: RUNTIMES.index(expected) + 1]), "what is not needed is not loaded"


def test_the_order_of_runtimes():
    assert [name.split(".")[0] for name in RUNTIMES] == ["ai_edge_litert", "tflite_runtime", "tensorflow"]


def test_no_runtime_is_the_users_to_put_right(monkeypatch):
    def import_module(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    for call in (runtime, lambda: open_interpreter(b"", 1)):
        with pytest.raises(UserError, match="no TFLite runtime is installed") as caught:
            call()
        assert "pip install ai-edge-litert" in caught.value.remedy


def test_an_interpreter_comes_ready_to_run(tiny):
    opened = open_interpreter(tiny.tiny_model(), threads=2)
    opened.set_tensor(opened.get_input_details()[0]["index"], np.zeros((1, 48, 48, 3), np.uint8))
    opened.invoke()
    answer = opened.get_tensor(opened.get_output_details()[0]["index"])
    assert answer[0, tiny.GREY] == pytest.approx(tiny.COLOURLESS, abs=1e-5)


@pytest.mark.parametrize("damage", [lambda m: b"", lambda m: b"not a model", lambda m: m[: len(m) // 2]])
def test_a_damaged_model_is_refused(tiny, damage):
    with pytest.raises(UserError, match=f"{interpreter.runtime()} cannot run this model"):
        open_interpreter(damage(tiny.tiny_model()), 1)


def test_threads_must_be_at_least_one(tiny):
    with pytest.raises(UserError, match="num_threads"):
        open_interpreter(tiny.tiny_model(), 0)
