"""A label that is shown is never contradicted by the probabilities beside it, on any output."""

import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.base.settings import EventLimits, Options, Quality, Smoothing
from edge.faces.events import Events
from edge.faces.networks import Loaded, Networks
from edge.faces.recognizer import Recognizer
from edge.model.manifest import FaceTemplate
from edge.outputs.mqtt_camera import Scene, state

from ..stand_ins import frame, picture, wandering, with_landmarks

FRAMES, FACES = 200, 4
TEMPLATE = FaceTemplate(((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)), (0.0, 0.0, 1.0, 1.0))


class WanderingClassifier:
    """Reads random emotions in the faces, each time others."""

    input_size = 32

    def __init__(self, generator):
        self._readings = iter(wandering(generator, FRAMES * FACES))

    def classify(self, crops):
        return np.stack([next(self._readings) for _ in crops])


class CrowdDetector:
    """Finds four faces, now and then one of them is too small to be judged."""

    def __init__(self, generator):
        self._generator = generator

    def detect(self, image):
        sides = self._generator.choice([40, 40, 40, 20], FACES)
        return [with_landmarks(50.0 * i, 20, float(side)) for i, side in enumerate(sides)]


def results(seed, smoothing):
    generator = np.random.default_rng(seed)
    loaded = Loaded(WanderingClassifier(generator), TEMPLATE, EMOTIONS)
    quality = Quality(min_face_size=24, min_sharpness=0)
    options = Options(
        smoothing=smoothing, quality=quality, max_classifications=1, detector_size=320, detect_interval=0.0
    )
    recognizer = Recognizer(Networks(loaded, lambda side: CrowdDetector(generator)), options)
    for i in range(FRAMES):
        yield recognizer.classify(recognizer.detect(frame(i, picture(width=320, height=240), 1000 + i / 30)))


@pytest.mark.parametrize(
    "smoothing", [pytest.param(Smoothing(), id="averaged"), pytest.param(Smoothing(time_constant=0), id="as it is")]
)
@pytest.mark.parametrize("seed", range(5))
def test_label_and_probabilities_agree_on_every_output(seed, smoothing):
    margin = smoothing.margin if smoothing.time_constant else 0.0
    events, labels, seen = Events(EventLimits()), set(), set()
    for result in results(seed, smoothing):
        events.update(result)
        for face, record in zip(result.faces, result.record()["faces"], strict=True):
            bars = record["probabilities"]
            seen.add(face.reason)
            if face.label is not None:
                assert max(bars.values()) - bars[record["emotion"]] <= margin + 1e-4
                assert record["confidence"] == bars[record["emotion"]]
            elif face.reason == "unsure":
                assert max(bars.values()) < smoothing.unsure_below + 1e-4
                assert record["confidence"] == max(bars.values())
            else:
                assert (record["reason"], record["confidence"], bars) == ("small", None, None)
            told = state(Scene(FACES, events.settled(face)), 30.0, {}, 0, EMOTIONS)
            if told["emotion"]:
                assert max(told["shares"].values()) - told["shares"][told["emotion"]] <= 100 * margin + 1
                assert round(100 * told["confidence"]) == told["shares"][told["emotion"]]
            labels |= {face.emotion, told["emotion"]}
    assert len(labels & set(EMOTIONS)) >= 3, "the test has seen what it is about"
    assert {None, "small"} <= seen
