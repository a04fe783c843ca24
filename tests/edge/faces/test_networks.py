"""Networks that several recognizers share."""

import threading

import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.base.settings import Options, Quality
from edge.faces.networks import Loaded, Networks
from edge.faces.recognizer import Recognizer
from edge.model.manifest import FaceTemplate

from ..patience import LONG
from ..stand_ins import detection, frame, likely

TEMPLATE = FaceTemplate(((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)), (0.0, 0.0, 1.0, 1.0))


class Turnstile:
    """Counts who is inside at one time; each stays until somebody else waits at the door, or for a moment."""

    def __init__(self):
        self.inside = self.most = self.calls = 0

    def __enter__(self):
        self.inside += 1
        self.calls += 1
        self.most = max(self.most, self.inside)

    def __exit__(self, *_):
        self.inside -= 1


class OneAtATime:
    """A detector and a classifier that must not be used by two threads at once."""

    input_size = 48

    def __init__(self):
        self.turnstile = Turnstile()

    def detect(self, image):
        with self.turnstile:
            threading.Event().wait(0.001)
            return [detection(10, 10)]

    def classify(self, crops):
        with self.turnstile:
            threading.Event().wait(0.001)
            return np.array([likely(3)] * len(crops))


def test_nothing_of_a_picture_stays_in_blank_networks(yunet, bundle):
    """Buffers of the detectors of all sizes, and of the classifier, as the runtime shows them."""
    recognizer = Recognizer.from_options(Options(model=bundle))
    noise = np.random.default_rng(0).integers(1, 256, (480, 640, 3), np.uint8)
    networks = recognizer._networks  # noqa: SLF001 - what nobody else is to see
    recognizer.detect(frame(0, noise))
    networks.detector(128).detect(noise)
    side = networks.loaded.classifier.input_size
    networks.classify(networks.loaded, np.full((1, side, side, 3), 200, np.uint8))
    buffers = list(inputs_of(networks))
    assert len(buffers) >= 3
    assert all(read().any() for read in buffers)
    recognizer.blank()
    assert not any(read().any() for read in buffers)


def inputs_of(networks):
    """Yield what reads each input of an interpreter."""
    for shared in networks._detectors.values():  # noqa: SLF001
        for plan in shared._detector._network._plans.values():  # noqa: SLF001
            yield lambda plan=plan: plan._input()[..., :3].copy()  # noqa: SLF001
    classifier = networks.loaded.classifier
    yield lambda: classifier._interpreter.get_tensor(classifier._input["index"])  # noqa: SLF001


def test_recognizers_on_several_threads_take_turns_with_what_they_share():
    detector, classifier, made = OneAtATime(), OneAtATime(), []

    def make(side):
        made.append(side)
        return detector

    networks = Networks(Loaded(classifier, TEMPLATE, EMOTIONS), make)
    options = Options(detector_size=320, detect_interval=0.0, quality=Quality(min_face_size=0, min_sharpness=0))
    recognizers = [Recognizer(networks, options) for _ in range(3)]

    def work(recognizer):
        for i in range(20):
            assert len(recognizer.classify(recognizer.detect(frame(i))).faces) == 1

    threads = [threading.Thread(target=work, args=(one,)) for one in recognizers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert made == [320], "one detector for all"
    assert (detector.turnstile.calls, detector.turnstile.most) == (60, 1)
    assert (classifier.turnstile.calls, classifier.turnstile.most) == (60, 1)


def test_recognizers_that_share_networks_have_faces_and_statistics_of_their_own():
    networks = Networks(Loaded(OneAtATime(), TEMPLATE, EMOTIONS), lambda side: OneAtATime())
    one, other = (Recognizer(networks, Options(detector_size=320, detect_interval=0.0)) for _ in range(2))
    one.classify(one.detect(frame(0)))
    assert not other.statistics.summary()["ms"]
    (face,) = other.classify(other.detect(frame(0))).faces
    assert face.id == 1


@pytest.mark.usefixtures("yunet")
def test_a_model_that_is_loaded_again_serves_all(make_bundle, tmp_path, tiny, monkeypatch):
    folder = make_bundle(tmp_path / "own")
    networks = Networks.load(options := Options(model=folder))
    one, other = Recognizer(networks, options), Recognizer(networks, options)
    before = one.identity
    monkeypatch.setattr(tiny, "CONTRAST", 4 * tiny.CONTRAST)
    make_bundle(folder)
    one.reload(options)
    assert one.identity == other.identity != before
