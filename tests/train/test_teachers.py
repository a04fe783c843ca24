import hashlib

import numpy as np
import pytest

pytest.importorskip("keras")

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.model.bundle import MANIFEST
from tests.train.conftest import WHOLE, knobs_of_a_small_run
from tests.train.small_network import small_network
from train import run
from train.config import from_dict
from train.dataset import load_labelled
from train.model_loader import LoadedModel
from train.run import Progress
from train.teachers import Teachers, distill, load_teachers
from train.trainer import Trainer, ema_of_run


def of(*of_sets):
    """Models that teach each label set."""
    return Teachers(tuple(model.sha256 for of_set in of_sets for model in of_set), models=tuple(map(tuple, of_sets)))


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
    labels = distill(training, of([one_sided]), bars, config, tmp_path / "teacher_probabilities.npz").labels
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
    labels = distill(training, of([one_sided, certain]), bars, config, tmp_path / "teacher_probabilities.npz").labels[
        :, 0
    ]
    np.testing.assert_allclose(labels[:, 3], 0.5 * training.labels[:, 0, 3] + 0.25, atol=1e-5)


def test_each_kind_of_label_has_teachers_of_its_own(bars, knobs, one_sided, tmp_path):
    certain = LoadedModel("sure.keras", "", 32, lambda images: np.eye(7, dtype=np.float32)[np.full(len(images), 3)])
    config = from_dict(knobs | {"teachers": ["a"], "teacher_share": 0.5, "labels": ["ferplus", "folder"]})
    training = load_labelled(bars, "train", 32, 1, config.labels)
    labels = distill(training, of([one_sided], [certain]), bars, config, tmp_path / "teacher_probabilities.npz").labels
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
        return set(distill(training, of(teachers), bars, config, kept).labels[:, 0].argmax(axis=1)), set(asked)

    assert seen(teacher("first", 2)) == ({2}, {"first"})
    assert seen(teacher("first", 2)) == ({2}, set())
    assert seen(teacher("second", 5)) == ({5}, {"second"})
    kept.write_bytes(kept.read_bytes()[:100])
    assert seen(teacher("second", 5)) == ({5}, {"second"})


@pytest.fixture(scope="module")
def run_of_both(tmp_path_factory):
    """A run of one epoch, with two label sets, in which nothing was learnt."""
    folder = tmp_path_factory.mktemp("runs") / "both"
    config = from_dict(knobs_of_a_small_run() | {"labels": ["ferplus", "folder"], "stages": [WHOLE]})
    with small_network():
        trainer = Trainer(config, 0, 32)
    figures = {f"{name}{figure}": 0.5 for name in ("ferplus", "folder") for figure in ("_accuracy", "_loss")}
    run.open_run(folder, config, {}, "none")
    everything = {"loss": 1.0} | figures | {f"val_{name}": value for name, value in figures.items()}
    run.save_progress(folder, config, Progress((everything,)), trainer.variables())
    return folder


def test_a_run_teaches_all_that_it_learnt_in_the_order_of_the_labels(run_of_both, knobs):
    config = from_dict(knobs | {"teachers": [str(run_of_both)], "labels": ["folder", "ferplus"]})
    with small_network():
        (network,) = load_teachers(config).networks
        theirs = ema_of_run(run_of_both)
    faces = np.random.default_rng(0).random((3, 32, 32, 1), np.float32)
    ours, expected = network.predict(faces, verbose=0), theirs.predict(faces, verbose=0)
    np.testing.assert_allclose(ours[0], expected[1], atol=1e-6)
    np.testing.assert_allclose(ours[1], expected[0], atol=1e-6)
    assert np.abs(ours[0] - ours[1]).max() > 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["fer2013"]}, "has not learnt the label set 'fer2013'"),
        ({"grey": False}, "takes other channels"),
        ({"teachers": ["run", "table.csv"]}, r"table\.csv is no run, as .*both is"),
    ],
)
def test_a_run_that_cannot_teach_is_refused(run_of_both, knobs, tmp_path, change, message):
    (tmp_path / "table.csv").touch()
    places = {"run": str(run_of_both), "table.csv": str(tmp_path / "table.csv")}
    change = {"teachers": ["run"]} | change
    config = from_dict(knobs | change | {"teachers": [places[name] for name in change["teachers"]]})
    with small_network(), pytest.raises(UserError, match=message):
        load_teachers(config)


def write_table(path, files, answers):
    header = ["file", *(f"folder_{name}" for name in EMOTIONS)]
    lines = [",".join([file, *map(str, row)]) for file, row in zip(files, answers, strict=True)]
    path.write_text("\n".join([",".join(header), *lines]) + "\n")
    return path


def test_a_table_answers_by_file(bars, knobs, tmp_path):
    training = load_labelled(bars, "train", 32, 1, ["folder"])
    answers = np.random.default_rng(0).dirichlet(np.ones(7), len(training.files)).round(4)
    order = np.random.default_rng(1).permutation(len(answers))
    table = write_table(tmp_path / "t.csv", [training.files[i] for i in order], answers[order])
    config = from_dict(knobs | {"teachers": [str(table)], "teacher_share": 0.75})
    teachers = load_teachers(config)
    assert teachers.sha256 == (hashlib.sha256(table.read_bytes()).hexdigest(),)
    labels = distill(training, teachers, bars, config, tmp_path / "unused.npz").labels
    np.testing.assert_allclose(labels, 0.25 * training.labels + 0.75 * answers[:, None], atol=1e-3)
    np.testing.assert_allclose(labels.sum(axis=2), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files, answers: (files[1:], answers[1:]), "no answer for 1 of 224 images, such as train/0/000.png"),
        (lambda files, answers: (files, answers / 2), "the answers for train/.*png are no probabilities"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(bars, knobs, tmp_path, change, message):
    training = load_labelled(bars, "train", 32, 1, ["folder"])
    table = write_table(tmp_path / "t.csv", *change(training.files, np.full((len(training.files), 7), 1 / 7)))
    config = from_dict(knobs | {"teachers": [str(table)], "teacher_share": 0.75})
    with pytest.raises(UserError, match=message):
        distill(training, load_teachers(config), bars, config, tmp_path / "unused.npz")


def test_a_bundle_teaches_the_label_set_that_it_was_exported_for(tmp_path, monkeypatch, knobs):
    for kind in ("ferplus", "folder"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / MANIFEST).touch()
    monkeypatch.setattr("train.teachers.read_manifest", lambda path: {"labels": path.name})
    monkeypatch.setattr("train.teachers.check_classes", lambda path, names: None)
    monkeypatch.setattr("train.teachers.load_models", lambda path: [LoadedModel(path.name, "", 32, len)])
    ferplus, folder = str(tmp_path / "ferplus"), str(tmp_path / "folder")
    both = from_dict(knobs | {"teachers": [ferplus, folder], "labels": ["folder", "ferplus"]})
    assert [[model.file for model in of_set] for of_set in load_teachers(both).models] == [["folder"], ["ferplus"]]
    with pytest.raises(UserError, match=r"none of the teachers .*/ferplus has the label set 'folder'"):
        load_teachers(from_dict(knobs | {"teachers": [ferplus], "labels": ["ferplus", "folder"]}))


def test_a_teacher_of_logits_is_refused(bars, knobs, tmp_path):
    logits = LoadedModel("logits.keras", "", 32, lambda images: np.full((len(images), 7), 2, np.float32))
    config = from_dict(knobs | {"teachers": ["a"], "teacher_share": 0.5})
    training = load_labelled(bars, "train", 32, 1, config.labels)
    with pytest.raises(UserError, match=r"logits\.keras: the outputs are not probabilities"):
        distill(training, of([logits]), bars, config, tmp_path / "teacher_probabilities.npz")


def test_a_missing_teacher_is_named(knobs):
    with pytest.raises(UserError, match="models/nobody: no such teacher"):
        load_teachers(from_dict(knobs | {"teachers": ["models/nobody"]}))
