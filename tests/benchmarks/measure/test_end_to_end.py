"""Faces of given sizes stand where they are said to be, and it is told which of them are found and right."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.base.plan import Plan, open_variants
from benchmarks.measure import end_to_end
from benchmarks.measure.accuracy import EvaluationData
from benchmarks.measure.face_clips import BACKGROUNDS, CLIP_FRAMES, demo_faces, draw_clip
from edge.base.settings import DEFAULT_BUNDLE
from edge.faces.alignment import crop_face
from edge.faces.detector import open_detector
from edge.sources.pixels import BgrPixels
from train.dataset import Split

SIZE = (640, 480)


@pytest.fixture
def plan(clip):
    return Plan(open_variants(DEFAULT_BUNDLE), clip, 1)


@pytest.mark.parametrize("tilt", [0, 20])
@pytest.mark.parametrize("number", range(BACKGROUNDS))
def test_faces_have_their_size_and_place(yunet, portrait, tilt, number):
    clip = draw_clip(demo_faces()[:1], *SIZE, tilt, 64, number)
    for i in (0, CLIP_FRAMES - 1):
        image = clip.frame(i, *SIZE)
        assert image.shape == (480, 640, 3)
        found = open_detector("yunet", 640).detect(image)
        middles = [(x + w / 2 + i, y + h / 2 + i) for x, y, w, h in (face.box for face in found)]
        np.testing.assert_allclose(sorted(middles), sorted(clip.centres), atol=8)
        assert [min(face.box[2:]) for face in found] == pytest.approx([64] * 4, rel=0.2)


def test_what_is_large_enough_is_found(plan, yunet, portrait, monkeypatch):
    monkeypatch.setattr(end_to_end, "RESOLUTIONS", (SIZE,))
    monkeypatch.setattr(end_to_end, "FACE_WIDTHS", (8, 64))
    monkeypatch.setattr(end_to_end, "TILTS", (0,))
    rows = end_to_end.measure_end_to_end(plan)
    assert [(row["way"], row["size"], row["found"], row["faces"]) for row in rows] == [
        (way, size, float(size == 64), 12) for size in (8, 64) for way in ("live", "image")
    ]
    assert all(row["false_finds"] < 0.1 and row["right"] is None for row in rows)
    assert all(row["labelled"] <= row["found"] for row in rows)


def test_labelled_faces_are_right_as_often_as_their_crops_alone(plan, portrait, yunet, monkeypatch, tmp_path):
    """The same face, in two classes: half of the answers are right on crops, and about as many of those in pictures."""
    bundle = plan.shipping
    (face,) = open_detector("yunet", 640).detect(portrait)
    crop = crop_face(BgrPixels(portrait), face, bundle.template, bundle.input_size)
    answer = int(end_to_end.EmotionClassifier.from_bundle(bundle).classify(crop[None])[0].argmax())
    classes = np.array([answer, (answer + 1) % 7] * 4)
    split = Split(tuple(map(str, range(8))), np.stack([crop] * 8), classes, "")
    monkeypatch.setattr(end_to_end, "evaluation_data", lambda plan: EvaluationData(split, None))
    monkeypatch.setattr(end_to_end, "LABELLED_SIZES", (96,))
    live, image = end_to_end.measure_end_to_end(replace(plan, data=tmp_path))
    assert (live["way"], image["way"], live["faces"]) == ("live", "image", 8)
    assert live["crop_right"] == image["crop_right"] == 0.5
    for row in (live, image):
        assert row["found"] > 0.5
        assert row["right"] <= row["found"]
        difference = row["difference"]
        assert difference["low"] <= difference["estimate"] == row["right"] - 0.5 <= difference["high"]
