import numpy as np
import pytest

keras = pytest.importorskip("keras")

from tests.train.conftest import WHOLE  # noqa: E402
from train.config import from_dict  # noqa: E402
from train.dataset import Labelled  # noqa: E402
from train.input_pipeline import NO_IMAGE, Batches, whole_order  # noqa: E402
from train.learner import Learner, mix_labels  # noqa: E402

BATCH = 32


def learner(knobs, stage=0, teachers=()):
    """A learner whose network answers the pixels that it sees."""
    face = keras.Input((32, 32, 1))
    return Learner(from_dict(knobs), stage, keras.Model(face, [keras.layers.Flatten()(face)]), BATCH, teachers)


def batch(labels=None):
    faces = np.random.default_rng(0).integers(0, 256, (BATCH, 32, 32, 1), np.uint8)
    return {
        "faces": faces,
        "labels": np.eye(7, dtype=np.float32)[np.arange(BATCH) % 7][:, None] if labels is None else labels,
    }


def seen(knobs, stage):
    answers, _ = learner(knobs, stage)(batch(), training=True)
    return {np.rint(row * 255).astype(np.uint8).tobytes() for row in keras.ops.convert_to_numpy(answers)[:, 0]}


def test_a_stage_without_augmentation_shows_faces_as_they_are_or_mirrored(knobs):
    knobs["augmentation"] |= {"flip": True, "rotation": 10.0, "contrast": 0.3, "noise": 0.1, "mixup_alpha": 0.2}
    knobs["stages"] = [WHOLE, {**WHOLE, "augment": False}]
    faces = batch()["faces"]
    known = {face.tobytes() for view in (faces, faces[:, :, ::-1]) for face in view}
    assert not seen(knobs, 0) & known
    assert seen(knobs, 1) <= known
    assert len(seen(knobs, 1)) == BATCH


def test_faces_are_evaluated_as_they_are(knobs):
    knobs["augmentation"] |= {"flip": True, "noise": 0.1}
    answers, targets = map(keras.ops.convert_to_numpy, learner(knobs)(batch(), training=False))
    given = batch()
    order = [*range(0, BATCH, 2), *range(1, BATCH, 2)]  # one ghost batch after the other
    np.testing.assert_allclose(answers[:, 0], given["faces"][order].reshape(BATCH, -1) / 255, atol=1e-6)
    np.testing.assert_array_equal(targets, given["labels"][order])


def test_a_teacher_answers_the_face_that_the_network_sees(knobs):
    knobs["augmentation"] |= {"flip": True, "rotation": 10.0, "noise": 0.1}
    knobs["teacher_share"] = 0.25
    face = keras.Input((32, 32, 1))
    first_pixels = keras.Model(face, [keras.layers.Flatten()(face)[:, :7]])
    answers, targets = map(keras.ops.convert_to_numpy, learner(knobs, 0, [first_pixels])(batch(), training=True))
    labels = batch()["labels"][[*range(0, BATCH, 2), *range(1, BATCH, 2)]]
    np.testing.assert_allclose(targets, 0.75 * labels + 0.25 * answers[:, :, :7], atol=1e-6)


def test_where_there_is_no_label_the_teacher_is_all():
    labels = np.float32([[[0, 1], [0, 0]]])
    mixed = mix_labels(labels, np.float32([[[0.5, 0.5], [0.2, 0.8]]]), 0.4)
    np.testing.assert_allclose(mixed, [[[0.2, 0.8], [0.2, 0.8]]], atol=1e-6)


def test_places_that_are_left_in_the_last_batch_count_nothing(knobs):
    split = Labelled(batch()["faces"], batch()["labels"], "")
    order = whole_order(5, 4)
    assert order.tolist() == [[0, 1, 2, 3], [4, NO_IMAGE, NO_IMAGE, NO_IMAGE]]
    ((last,),) = [Batches(split, order)[1]]
    assert not last["labels"][1:].any()
    assert not last["faces"][1:].any()
    assert (last["faces"][0] == split.images[4]).all()
    assert split.labels[-1].any(), "the split itself is left alone"
