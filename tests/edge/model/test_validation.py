"""A model is validated before it runs here: whatever it does, it is one line, and what runs goes on."""

import hashlib
import json
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge.base.errors import UserError
from edge.base.settings import Options
from edge.faces import networks as networks_module
from edge.faces.recognizer import Recognizer
from edge.model import validation
from edge.model.bundle import MANIFEST, load_bundle, model_file
from edge.model.validation import check_model_outputs, validate_model

CASES = Path(__file__).parents[3] / ".." / "shared" / "cases"

DIES = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
HANGS = "import time; time.sleep(600)"
FAILS = "import sys; sys.exit('a bug')"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, in which nothing was validated yet."""
    monkeypatch.setenv("EMOTION_EDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def python(code):
    return [sys.executable, "-c", code]


def with_model(folder, bundle, content):
    """A bundle whose int8 model is `content`, with the hash that belongs to it."""
    shutil.copytree(bundle, folder)
    (folder / model_file("int8")).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["variants"]["int8"]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def test_a_good_model_is_proved_once(bundle, cache):
    validate_model(load_bundle(bundle))
    assert len(list((cache / "validated").iterdir())) == 1
    validate_model(load_bundle(bundle), python(DIES))  # which is not asked


def test_a_model_is_proved_each_time_where_nothing_can_be_remembered(bundle, cache):
    cache.write_text("a file in the place of the folder")
    validate_model(load_bundle(bundle))
    with pytest.raises(UserError, match="SIGSEGV"):
        validate_model(load_bundle(bundle), python(DIES))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes end without signals here")
def test_a_model_that_ends_its_process_is_one_line_and_is_not_remembered(bundle, cache):
    for _ in range(2):
        with pytest.raises(UserError, match=r"int8: the model ends the process that runs it \(SIGSEGV\)") as caught:
            validate_model(load_bundle(bundle), python(DIES))
        assert str(bundle) in caught.value.problem
    assert not cache.exists()


def test_a_model_that_does_not_answer_is_given_up(bundle, monkeypatch):
    monkeypatch.setattr(validation, "ANSWER_TIMEOUT", 0.5)
    with pytest.raises(UserError, match="has not answered"):
        validate_model(load_bundle(bundle), python(HANGS))


def test_a_failure_of_the_process_itself_is_told(bundle):
    with pytest.raises(UserError, match="fails with status 1"):
        validate_model(load_bundle(bundle), python(FAILS))
    with pytest.raises(UserError, match="cannot be validated in a separate process"):
        validate_model(load_bundle(bundle), ["/nowhere/python"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"no model", "cannot run this model", id="no model"),
        pytest.param(b"", "cannot run this model|no model", id="empty"),
    ],
)
def test_what_is_no_model_is_one_line(tmp_path, bundle, content, message):
    with pytest.raises(UserError, match=message):
        validate_model(load_bundle(with_model(tmp_path / "made", bundle, content)))


def test_what_answers_no_probabilities_is_refused(tmp_path, bundle, tiny):
    logits = tiny.tiny_model(softmax=False)
    with pytest.raises(UserError, match="its outputs are not probabilities"):
        validate_model(load_bundle(with_model(tmp_path / "made", bundle, logits)))


@pytest.mark.parametrize("case", ["model-crash", "model-traceback/a", "model-traceback/b"])
def test_models_that_were_made_to_break_the_runtime(case, bundle, tmp_path):
    if not (CASES / case).is_dir():
        pytest.skip("the shared cases are not here")
    with pytest.raises(UserError, match=r"the model (ends the process|cannot be run)"):
        validate_model(
            load_bundle(with_model(tmp_path / "made", bundle, (CASES / case / model_file("int8")).read_bytes()))
        )


def test_the_running_model_stays_where_the_new_one_would_end_the_process(cache, yunet, bundle, monkeypatch):
    cache.mkdir()
    shutil.copy(yunet, cache)
    options = Options(model=bundle)
    recognizer = Recognizer.from_options(options)
    before = dict(recognizer.identity)
    monkeypatch.setattr(networks_module, "validate_model", lambda new: validate_model(new, python(DIES)))
    shutil.rmtree(cache / "validated")
    with pytest.raises(UserError, match="SIGSEGV"):
        recognizer.reload(options)
    assert recognizer.identity == before


@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_model_that_fails_on_plain_faces_is_refused(level):
    """As one whose numbers overflow at full brightness."""

    def classify(faces):
        answers = np.full((len(faces), 7), 1 / 7, np.float32)
        answers[(faces == level).all(axis=(1, 2, 3))] = np.nan
        return answers

    with pytest.raises(UserError, match="its outputs are not probabilities"):
        check_model_outputs(SimpleNamespace(input_size=8, classify=classify))
