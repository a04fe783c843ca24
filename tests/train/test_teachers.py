import hashlib

import numpy as np
import pytest

from edge.base.errors import UserError
from edge.model.bundle import MANIFEST
from train.config import from_dict
from train.dataset import load_labelled
from train.model_loader import LoadedModel, run_model
from train.teachers import distill, load_teachers


@pytest.fixture
def one_sided():
    """A teacher that only looks at the left half: dark is angry, bright is surprise."""

    def predict(images):
        bright = images[:, :, :8].mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - bright, *np.zeros((5, len(images))), bright], axis=1).astype(np.float32)

    return LoadedModel("teacher.keras", hashlib.sha256(b"").hexdigest(), 16, predict)


def test_labels_are_in_part_what_the_teacher_sees_in_a_face_and_its_mirror_image(bars, knobs, one_sided, tmp_path):
    config = from_dict(knobs | {"teachers": ["somewhere"], "teacher_share": 0.25})
    training = load_labelled(bars, "train", 32, 1, config.labels)
    labels = distill(training, [[one_sided]], bars, config, tmp_path / "teacher_probabilities.npz").labels
    assert labels.shape == training.labels.shape
    assert labels.dtype == np.float32
    np.testing.assert_allclose(labels.sum(axis=2), 1, atol=1e-5)
    whole = load_labelled(bars, "train", 16, 3, config.labels).images.mean(axis=(1, 2, 3)) / 255
    expected = 0.75 * training.labels[:, 0, 6] + 0.25 * whole  # both halves, and so all of the face
    np.testing.assert_allclose(labels[:, 0, 6], expected, atol=1e-5)


def test_more_teachers_are_averaged(bars, knobs, one_sided, tmp_path):
    certain = LoadedModel("sure.keras", "", 32, lambda images: np.eye(7, dtype=np.float32)[np.full(len(images), 3)])
    config = from_dict(knobs | {"teachers": ["a", "b"], "teacher_share": 0.5})
    training = load_labelled(bars, "train", 32, 1, config.labels)
    labels = distill(training, [[one_sided, certain]], bars, config, tmp_path / "teacher_probabilities.npz").labels[
        :, 0
    ]
    np.testing.assert_allclose(labels[:, 3], 0.5 * training.labels[:, 0, 3] + 0.25, atol=1e-5)


def test_each_kind_of_label_has_teachers_of_its_own(bars, knobs, one_sided, tmp_path):
    certain = LoadedModel("sure.keras", "", 32, lambda images: np.eye(7, dtype=np.float32)[np.full(len(images), 3)])
    config = from_dict(knobs | {"teachers": ["a"], "teacher_share": 0.5, "labels": ["ferplus", "folder"]})
    training = load_labelled(bars, "train", 32, 1, config.labels)
    labels = distill(training, [[one_sided], [certain]], bars, config, tmp_path / "teacher_probabilities.npz").labels
    np.testing.assert_allclose(labels[:, 1, 3], 0.5 * training.labels[:, 1, 3] + 0.5, atol=1e-5)
    assert labels[:, 0, 3].max() <= 0.5


def test_answers_are_kept_for_a_run_that_goes_on_and_asked_again_of_other_teachers(bars, knobs, tmp_path):
    asked = []

    def teacher(name, emotion):
        def predict(images):
            asked.append(name)
            return np.eye(7, dtype=np.float32)[np.full(len(images), emotion)]

        return LoadedModel(f"{name}.keras", name, 32, predict)

    config = from_dict(knobs | {"teachers": ["a"], "teacher_share": 0.99})
    training = load_labelled(bars, "train", 32, 1, config.labels)
    kept = tmp_path / "teacher_probabilities.npz"

    def seen(*teachers):
        asked.clear()
        return set(distill(training, [teachers], bars, config, kept).labels[:, 0].argmax(axis=1)), set(asked)

    assert seen(teacher("first", 2)) == ({2}, {"first"})
    assert seen(teacher("first", 2)) == ({2}, set())
    assert seen(teacher("second", 5)) == ({5}, {"second"})
    kept.write_bytes(kept.read_bytes()[:100])
    assert seen(teacher("second", 5)) == ({5}, {"second"})


def test_a_run_teaches_each_kind_by_the_model_that_learnt_it(tmp_path, monkeypatch, knobs):
    for kind in ("ferplus", "folder"):
        (tmp_path / run_model(kind)).touch()
    monkeypatch.setattr("train.teachers.load_models", lambda path: [path.name])
    config = from_dict(knobs | {"teachers": [str(tmp_path)], "labels": ["folder", "ferplus"]})
    assert load_teachers(config) == [["best-folder.keras"], ["best-ferplus.keras"]]


def test_a_bundle_teaches_the_label_set_that_it_was_exported_for(tmp_path, monkeypatch, knobs):
    for kind in ("ferplus", "folder"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / MANIFEST).touch()
    monkeypatch.setattr("train.teachers.read_manifest", lambda path: {"labels": path.name})
    monkeypatch.setattr("train.teachers.check_classes", lambda path, names: None)
    monkeypatch.setattr("train.teachers.load_models", lambda path: [path.name])
    ferplus, folder = str(tmp_path / "ferplus"), str(tmp_path / "folder")
    both = from_dict(knobs | {"teachers": [ferplus, folder], "labels": ["folder", "ferplus"]})
    assert load_teachers(both) == [["folder"], ["ferplus"]]
    with pytest.raises(UserError, match=r"none of the teachers .*/ferplus has the label set 'folder'"):
        load_teachers(from_dict(knobs | {"teachers": [ferplus], "labels": ["ferplus", "folder"]}))


def test_a_teacher_of_logits_is_refused(bars, knobs, tmp_path):
    logits = LoadedModel("logits.keras", "", 32, lambda images: np.full((len(images), 7), 2, np.float32))
    config = from_dict(knobs | {"teachers": ["a"], "teacher_share": 0.5})
    training = load_labelled(bars, "train", 32, 1, config.labels)
    with pytest.raises(UserError, match=r"logits\.keras: the outputs are not probabilities"):
        distill(training, [[logits]], bars, config, tmp_path / "teacher_probabilities.npz")


def test_a_missing_teacher_is_named(knobs):
    with pytest.raises(UserError, match="models/nobody: no such teacher"):
        load_teachers(from_dict(knobs | {"teachers": ["models/nobody"]}))
