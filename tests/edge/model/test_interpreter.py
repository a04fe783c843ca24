"""The choice of a runtime, and the error where there is none."""

import importlib
import os
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace
from unittest.mock import MagicMock

import cv2
import numpy as np
import pytest

from edge.base.child_process import child_environment
from edge.base.errors import UserError
from edge.base.settings import DEFAULT_BUNDLE
from edge.model import interpreter
from edge.model.bundle import load_bundle
from edge.model.classifier import EmotionClassifier
from edge.model.interpreter import RUNTIMES, open_interpreter, runtime

from ..patience import patiently

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
    if runtime() == OLD:
        pytest.skip("tflite-runtime crashes on some; the bundle's hashes keep them from it")
    with pytest.raises(UserError, match=f"{interpreter.runtime()} cannot run this model"):
        open_interpreter(damage(tiny.tiny_model()), 1)


@pytest.mark.parametrize(("said", "told"), [("", "ValueError"), ("first\nsecond", "first")])
def test_whatever_a_runtime_says_is_one_line(monkeypatch, said, told):
    runtime = SimpleNamespace(__name__="runtime", Interpreter=MagicMock(side_effect=ValueError(said)))
    monkeypatch.setattr(interpreter, "find_runtime", lambda: runtime)
    with pytest.raises(UserError, match=rf"runtime cannot run this model \({told}\)"):
        open_interpreter(b"", 1)


def test_threads_must_be_at_least_one(tiny):
    with pytest.raises(UserError, match="num_threads"):
        open_interpreter(tiny.tiny_model(), 0)


class TestGreeting:
    """The runtime greets on stderr with the first interpreter, which is muted meanwhile."""

    @pytest.fixture
    def first(self, monkeypatch):
        """Let the next interpreter be the first, made by a function."""
        monkeypatch.setattr(interpreter, "_GREETED", threading.Event())

        def made_by(make):
            runtime = SimpleNamespace(__name__="stand-in", Interpreter=make)
            monkeypatch.setattr(interpreter, "find_runtime", lambda: runtime)

        return made_by

    def test_it_is_not_seen(self):
        code = "from edge.base.settings import DEFAULT_BUNDLE\nfrom edge.model.bundle import load_bundle\n"
        code += "from edge.model.classifier import EmotionClassifier\n"
        code += "EmotionClassifier.from_bundle(load_bundle(DEFAULT_BUNDLE))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=child_environment())
        assert (done.returncode, done.stderr) == (0, "")

    def test_two_at_once_leave_stderr_as_it_was(self, first):
        inside, ended = threading.Event(), threading.Event()

        def make(**_):
            if threading.current_thread() is not other and not inside.is_set():
                other.start()
                inside.wait(0.2)  # which is in vain where one waits for the other
            else:
                inside.set()
                ended.wait(0.4)
            return MagicMock()

        other = threading.Thread(target=open_interpreter, args=(b"", 1))
        first(make)
        before = os.fstat(2)
        open_interpreter(b"", 1)
        ended.set()
        other.join()
        assert os.path.samestat(os.fstat(2), before)

    def test_a_signal_leaves_stderr_as_it_was(self, first, monkeypatch):
        """It comes at the worst of moments: muted a step ago."""

        def interrupt(*_):
            raise KeyboardInterrupt

        def dup2(source, target):
            real(source, target)
            monkeypatch.setattr(os, "dup2", real)
            signal.raise_signal(signal.SIGUSR1)

        real = os.dup2
        monkeypatch.setattr(os, "dup2", dup2)
        handler, before = signal.signal(signal.SIGUSR1, interrupt), os.fstat(2)
        try:
            first(MagicMock())
            with pytest.raises(KeyboardInterrupt):
                open_interpreter(b"", 1)
        finally:
            signal.signal(signal.SIGUSR1, handler)
        patiently(lambda: os.path.samestat(os.fstat(2), before))  # by its own thread, which nobody may be waiting for


@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_runtimes_that_are_here_read_faces_alike(monkeypatch, portrait, bundle, variant):
    """A float model to its last digits; the int8 that ships as far as kernels round alike, which not all do."""
    here = [name for name in RUNTIMES[:2] if has(name)]
    if len(here) < 2:
        pytest.skip("only one of ai-edge-litert and tflite-runtime is here")
    model = load_bundle(DEFAULT_BUNDLE if variant == "int8" else bundle, variant)
    side = model.input_size
    faces = np.stack([cv2.resize(portrait[50 + i : 180 + i, 170 : 300 - i], (side, side)) for i in range(0, 40, 4)])
    answers = []
    for name in here:
        monkeypatch.setattr(interpreter, "RUNTIMES", (name,))
        answers.append(EmotionClassifier.from_bundle(model).classify(faces[..., ::-1]))
    first, second = answers
    assert first.argmax(axis=1).tolist() == second.argmax(axis=1).tolist()
    assert first == pytest.approx(second, abs=1e-5 if variant == "float32" else 40 / 256)


def has(module):
    """Return whether a module can be imported, as far as this run may see it."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def test_a_run_with_one_runtime_finds_that_one(request):
    if not (wanted := request.config.getoption("--runtime", None)):
        pytest.skip("all runtimes may be found: no --runtime")
    assert runtime().startswith(wanted)
