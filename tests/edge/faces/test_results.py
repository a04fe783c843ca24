"""The record of Contract 4, key by key."""

import json

import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.faces.results import FaceResult, FrameResult
from edge.sources.frame import Frame
from edge.sources.pixels import BgrPixels

from ..stand_ins import face, likely, result, unread

HAPPY = EMOTIONS.index("happy")


def test_the_record_of_a_frame():
    frame = Frame(1763800000.12345, BgrPixels(np.zeros((4, 4, 3), np.uint8)), "picamera2", 5.0, seq=812)
    probabilities = np.array([0.01, 0.02, 0.03, 0.81, 0.04, 0.05, 0.04], np.float32)
    one = FaceResult(3, (10.04, 20.06, 30.0, 40.5), 0.93456, EMOTIONS, probabilities, HAPPY)
    assert FrameResult(frame, (one,), 0.0214049).record() == {
        "seq": 812,
        "t": 1763800000.123,
        "source": "picamera2",
        "latency_ms": 21.4,
        "level": 0,
        "faces": [
            {
                "id": 3,
                "box": [10.0, 20.1, 30.0, 40.5],
                "score": 0.935,
                "emotion": "happy",
                "confidence": 0.81,
                "reason": None,
                "probabilities": dict(zip(EMOTIONS, (0.01, 0.02, 0.03, 0.81, 0.04, 0.05, 0.04), strict=True)),
            }
        ],
    }


def test_keys_come_in_the_order_of_the_contract():
    record = result(0, face()).record()
    assert list(record) == ["seq", "t", "source", "latency_ms", "level", "faces"]
    assert list(record["faces"][0]) == ["id", "box", "score", "emotion", "confidence", "reason", "probabilities"]
    assert list(record["faces"][0]["probabilities"]) == list(EMOTIONS)


def test_a_record_survives_json_as_it_is():
    record = result(0, face(), face(None)).record()
    assert json.loads(json.dumps(record)) == record


def test_the_line_is_the_record_and_is_encoded_once():
    one = result(0, face(), face(None))
    assert json.loads(one.line) == one.record()
    assert one.line is one.line


def test_a_frame_without_faces_has_an_empty_list():
    assert result(0).record()["faces"] == []


def test_a_face_that_was_not_read_claims_nothing():
    one = result(0, unread("turned"))
    (record,) = one.record()["faces"]
    assert {key: record[key] for key in ("emotion", "confidence", "reason", "probabilities")} == {
        "emotion": None,
        "confidence": None,
        "reason": "turned",
        "probabilities": None,
    }
    (row,) = one.rows()
    assert list(row) == list(result(0, face()).rows()[0])
    assert [row[f"p_{name}"] for name in EMOTIONS] == [None] * len(EMOTIONS)


@pytest.mark.parametrize(
    ("one", "caption"),
    [
        (face(HAPPY, 0.7), "happy 70%"),
        (face(None), "unsure"),
        (unread("small"), "too small"),
        (unread("turned"), "turned away"),
        (unread("blurred"), "blurred"),
    ],
)
def test_a_caption_is_the_label_or_why_there_is_none(one, caption):
    assert one.caption == caption


@pytest.mark.parametrize(
    ("label", "probabilities", "emotion", "confidence"),
    [
        pytest.param(HAPPY, likely(HAPPY, 0.7), "happy", 0.7, id="sure"),
        pytest.param(HAPPY, likely(0, 0.4), "happy", 0.1, id="held label: its own probability, not the largest"),
        pytest.param(None, likely(0, 0.3), None, 0.3, id="unsure: the largest"),
        pytest.param(0, likely(HAPPY, 0.4), "angry", 0.1, id="class 0 is a label"),
    ],
)
def test_emotion_and_confidence(label, probabilities, emotion, confidence):
    one = FaceResult(1, (0, 0, 1, 1), 0.9, EMOTIONS, probabilities, label)
    assert (one.emotion, one.confidence) == (emotion, pytest.approx(confidence))
    assert one.record()["emotion"] == emotion
