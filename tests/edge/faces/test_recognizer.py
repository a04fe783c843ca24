"""From frames to named emotions, with a model that tells colours."""

import shutil
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.settings import Options, Quality, Smoothing
from edge.faces.detector import open_detector
from edge.faces.networks import Loaded, Networks
from edge.faces.recognizer import Recognizer
from edge.model.bundle import load_bundle
from edge.model.classifier import EmotionClassifier
from edge.model.manifest import FaceTemplate
from edge.pipeline.pipeline import Pipeline
from edge.sources import open_source

from ..clips import WOMAN
from ..stand_ins import detection, frame, likely, picture

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)  # BGR
WHOLE_BOX = FaceTemplate(((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)), (0.0, 0.0, 1.0, 1.0))

EVERY_PICTURE = {"detector_size": 320, "detect_interval": 0.0}
"""Options with which each whole picture is searched."""


class ScriptedDetector:
    """Finds in each picture what it was told to find."""

    def __init__(self, *frames):
        self._frames = list(frames)

    def detect(self, image):
        return self._frames.pop(0)


@pytest.fixture
def recognizer(bundle):
    """`recognizer(detections of the first frame, of the second, …, smoothing=…, other options)`."""

    def make(*detections, smoothing=Smoothing(time_constant=0), quality=Quality(min_sharpness=0), **other):  # noqa: B008 - frozen
        classifier = EmotionClassifier.from_bundle(load_bundle(bundle))
        networks = Networks(Loaded(classifier, WHOLE_BOX, EMOTIONS), lambda side: ScriptedDetector(*detections))
        options = Options(smoothing=smoothing, quality=quality, **EVERY_PICTURE | other)
        return Recognizer(networks, options)

    return make


def scene(*patches):
    """A grey picture with 40x40 squares of (x, y, colour)."""
    image = picture(width=320, height=240)
    for x, y, colour in patches:
        image[y : y + 40, x : x + 40] = colour
    return image


def square(x, y, score=0.9):
    return detection(x, y, 40, 40, score)


def answers(recognizer, *images):
    results = [recognizer.classify(recognizer.detect(frame(i, image, i / 10))) for i, image in enumerate(images)]
    return [[(face.id, face.emotion) for face in result.faces] for result in results]


def test_each_face_has_its_emotion(recognizer):
    image = scene((20, 20, RED), (120, 60, GREEN), (220, 150, BLUE))
    found = [square(20, 20), square(120, 60), square(220, 150)]
    assert answers(recognizer(found), image) == [[(1, "angry"), (2, "happy"), (3, "sad")]]


def test_emotions_stay_with_their_faces_when_the_detector_changes_the_order(recognizer):
    left, right = square(20, 20), square(220, 150)
    image = scene((20, 20, RED), (220, 150, BLUE))
    assert answers(recognizer([left, right], [right, left]), image, image) == [
        [(1, "angry"), (2, "sad")],
        [(2, "sad"), (1, "angry")],
    ]


def test_without_faces_there_is_nothing_to_read(recognizer):
    result = (made := recognizer([])).classify(made.detect(frame()))
    assert result.faces == ()
    assert result.record()["faces"] == []


def test_results_carry_the_frame_and_the_detection(recognizer):
    given, found = frame(7, scene((20, 20, RED))), square(20, 20, 0.77)
    made = recognizer([found])
    result = made.classify(made.detect(given))
    (face,) = result.faces
    assert result.frame is given
    assert (face.box, face.score) == (found.box, 0.77)
    assert face.probabilities.shape == (len(EMOTIONS),)
    assert result.latency > 0


def test_labels_are_smoothed_by_capture_time(recognizer):
    images = [scene((20, 20, RED)), *[scene((20, 20, GREEN))] * 10]
    made = recognizer(*[[square(20, 20)]] * 11, smoothing=Smoothing(time_constant=0.5))
    labels = [emotion for ((_, emotion),) in answers(made, *images)]
    assert labels[0] == labels[1] == "angry"
    assert labels[-1] == "happy"
    # At a tenth of a second a frame, half of the way is gone after 0.35 s, and the margin asks for a little more.
    assert labels.index("happy") in (4, 5)


def test_a_new_face_in_the_same_place_inherits_nothing(recognizer):
    smoothing = Smoothing(time_constant=100)
    made = recognizer([square(20, 20)], [square(20, 20)], smoothing=smoothing)
    first = made.classify(made.detect(frame(0, scene((20, 20, RED)), 0.0)))
    second = made.classify(made.detect(frame(1, scene((20, 20, GREEN)), 5.0)))
    assert [(r.faces[0].id, r.faces[0].emotion) for r in (first, second)] == [(1, "angry"), (2, "happy")]


def test_each_stage_is_timed(recognizer):
    made = recognizer([square(20, 20)])
    made.classify(made.detect(frame(0, scene((20, 20, RED)))))
    assert set(made.statistics.summary()["ms"]) == {"detect", "classify"}


def test_options_have_the_defaults_of_the_command_line():
    options = Options()
    assert (options.variant, options.threads, options.detector) == ("int8", 1, "yunet")
    assert options.model.parts[-2:] == ("models", "default")


@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_a_recognizer_from_options_finds_the_portraits_face(bundle, yunet, portrait, variant):
    made = Recognizer.from_options(Options(model=bundle, variant=variant))
    (face,) = made.classify(made.detect(frame(0, portrait))).faces
    assert face.id == 1
    assert face.probabilities.sum() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"variant": "float16"}, "has no variant float16", id="variant"),
        pytest.param({"detector": "hog"}, "hog: no such detector", id="detector"),
        pytest.param({"threads": 0}, "num_threads", id="threads"),
        pytest.param({"model": Path("nowhere")}, "nowhere: no model bundle here", id="model"),
    ],
)
def test_options_that_cannot_be_met(bundle, options, message):
    with pytest.raises(UserError, match=message):
        Recognizer.from_options(Options(**{"model": bundle} | options))


def test_a_tinted_portrait_is_recognized_by_its_tint(bundle, yunet, portrait):
    """Through YuNet, its landmarks, the alignment and the model: colours arrive as the camera had them."""
    for colour, emotion in ((RED, "angry"), (GREEN, "happy"), (BLUE, "sad")):
        made = Recognizer.from_options(Options(model=bundle, smoothing=Smoothing(time_constant=0)))
        tinted = cv2.addWeighted(portrait, 0.6, np.full_like(portrait, colour), 0.4, 0)
        (face,) = made.classify(made.detect(frame(0, tinted))).faces
        assert face.emotion == emotion


@pytest.mark.skipif(not WOMAN.is_file(), reason="the video is not on this machine")
def test_a_real_face_is_found_and_keeps_its_number(bundle, yunet):
    """A woman who talks and moves her head, 464 frames."""
    numbers, frames, with_faces = set(), 0, 0
    with Pipeline(open_source(str(WOMAN)), Recognizer.from_options(Options(model=bundle))) as pipeline:
        for result in pipeline:
            frames += 1
            with_faces += bool(result.faces)
            numbers |= {face.id for face in result.faces}
    assert frames == 464
    assert with_faces >= 0.98 * frames
    assert numbers == {1}


def test_detectors_are_behind_one_protocol(yunet, bundle, portrait):
    classifier = EmotionClassifier.from_bundle(load_bundle(bundle))
    networks = Networks(Loaded(classifier, WHOLE_BOX, EMOTIONS), partial(open_detector, "yunet"))
    made = Recognizer(networks, Options(detector_size=320))
    assert len(made.detect(frame(0, portrait)).tracks) == 1


class TestReload:
    """The bundle is exchanged under way."""

    @pytest.fixture
    def own(self, bundle, tmp_path):
        """A copy of the bundle, to be damaged, and a recognizer on it."""
        folder = Path(shutil.copytree(bundle, tmp_path / "own"))
        options = Options(model=folder, variant="float32", detect_interval=0.0)
        return folder, options

    def read(self, made, portrait):
        made.reset()
        return made.classify(made.detect(frame(0, portrait))).faces[0].probabilities

    def test_a_better_model_takes_over(self, own, make_bundle, tiny, monkeypatch, yunet, portrait):
        folder, options = own
        made = Recognizer.from_options(options)
        before, identity = self.read(made, portrait), made.identity
        monkeypatch.setattr(tiny, "CONTRAST", 4 * tiny.CONTRAST)
        make_bundle(folder)
        made.reload(options)
        assert not np.allclose(self.read(made, portrait), before, atol=1e-3)
        assert made.identity["sha256"] != identity["sha256"]
        assert made.identity | {"sha256": ""} == {"name": "tiny", "variant": "float32", "sha256": ""}

    @pytest.mark.parametrize("damage", ["cut", "gone", "manifest"])
    def test_a_broken_one_does_not(self, own, yunet, portrait, damage):
        folder, options = own
        made = Recognizer.from_options(options)
        before, identity = self.read(made, portrait), made.identity
        model = folder / "model_float32.tflite"
        if damage == "cut":
            model.write_bytes(model.read_bytes()[:1000])
        elif damage == "gone":
            model.unlink()
        else:
            (folder / "manifest.json").write_text("{")
        with pytest.raises(UserError):
            made.reload(options)
        assert (self.read(made, portrait) == before).all()
        assert made.identity == identity


def test_a_board_that_is_eased_searches_less_often(recognizer):
    made, threads = recognizer(*[[square(20, 20)]] * 3), cv2.getNumThreads()
    try:
        made.set_load_level(2)
        result = made.classify(made.detect(frame(0, scene((20, 20, RED)))))
        assert result.level == result.record()["level"] == 2
        assert cv2.getNumThreads() == max(1, threads - 2)
    finally:
        cv2.setNumThreads(threads)


@pytest.mark.parametrize(
    ("needs", "reason"),
    [
        pytest.param(Quality(min_face_size=41, min_sharpness=0), "small", id="small"),
        pytest.param(Quality(min_face_size=0, min_sharpness=1e9), "blurred", id="blurred"),
    ],
)
def test_a_face_that_is_not_fit_to_be_judged_is_followed_without_a_label(recognizer, needs, reason):
    made = recognizer(*[[square(20, 20)]] * 3, quality=needs)
    for i in range(3):
        (face,) = made.classify(made.detect(frame(i, scene((20, 20, RED)), i / 10))).faces
        assert (face.id, face.emotion, face.reason) == (1, None, reason)
        assert (face.probabilities, face.confidence) == (None, None)
        assert face.record()["reason"] == reason


def sized(x, side):
    return detection(x, 20, side, side)


def test_no_inference_is_spent_on_faces_that_cannot_be_read(recognizer, monkeypatch):
    batches, classify = [], Networks.classify
    monkeypatch.setattr(
        Networks, "classify", lambda self, model, crops: batches.append(len(crops)) or classify(self, model, crops)
    )
    crowd = [sized(60 * j, 40 if j % 2 else 20) for j in range(5)]
    made = recognizer(crowd, crowd, crowd[:1], smoothing=Smoothing(), max_classifications=1)
    for i in range(3):
        made.classify(made.detect(frame(i, scene(*((60 * j, 20, RED) for j in range(5))), i / 10)))
    assert batches == [2, 1]


def test_a_face_that_cannot_be_read_for_a_moment_goes_on_where_it_was(recognizer):
    """Its average is that of the frames in which it could be read, as if it had been out of sight in between."""
    sides = (40, 40, 30, 30, 40)
    options = {"smoothing": Smoothing(time_constant=0.5), "quality": Quality(min_face_size=35, min_sharpness=0)}
    made = recognizer(*[[sized(20, side)] for side in sides], **options)
    hidden = recognizer(*[[sized(20, side)] if side == 40 else [] for side in sides], **options)
    images = [scene((20, 20, colour)) for colour in (RED, RED, GREEN, GREEN, GREEN)]
    frames = [frame(i, image, i / 10) for i, image in enumerate(images)]
    *_, small, shown = [made.classify(made.detect(one)).faces[0] for one in frames]
    expected = [hidden.classify(hidden.detect(one)) for one in frames][-1].faces[0]
    assert (small.id, small.reason, small.probabilities) == (1, "small", None)
    assert (shown.id, shown.label) == (1, expected.label)
    assert (shown.probabilities == expected.probabilities).all()


def test_a_face_that_waits_for_its_turn_says_at_once_that_it_is_too_small(recognizer):
    crowd = [sized(60 * j, 40) for j in range(3)]
    smaller = [*crowd[:2], sized(125, 20)]
    made = recognizer(crowd, crowd, smaller, crowd, smoothing=Smoothing(), max_classifications=1)
    image = scene(*((60 * j, 20, RED) for j in range(3)))
    reasons = [[face.reason for face in made.classify(made.detect(frame(i, image, i / 10))).faces] for i in range(4)]
    assert reasons[2:] == [[None, None, "small"], [None, None, None]], "and is read again as soon as it can be"


def test_a_crowd_takes_turns_and_is_followed_in_between(recognizer):
    crowds = [[square(20 + 60 * j + i, 20) for j in range(4)] for i in range(3)]
    made = recognizer(*crowds, smoothing=Smoothing(time_constant=0.001), max_classifications=2)
    shown = []
    for i, colour in enumerate((RED, GREEN, GREEN)):
        faces = made.classify(made.detect(frame(i, scene(*((20 + 60 * j + i, 20, colour) for j in range(4))), i))).faces
        assert [face.box[0] for face in faces] == [20 + 60 * j + i for j in range(4)]
        shown.append(np.array([face.probabilities for face in faces]))
    changed = [(now != before).any(axis=1).tolist() for before, now in pairwise(shown)]
    assert sorted(changed) == [[False, False, True, True], [True, True, False, False]]


def test_a_crowd_that_was_out_of_sight_is_read_at_once(recognizer):
    crowd = [square(20 + 60 * j, 20) for j in range(4)]
    made = recognizer(crowd, [], crowd, smoothing=Smoothing(time_constant=0.001), max_classifications=1)
    before, _, after = (
        made.classify(made.detect(frame(i, scene(*((20 + 60 * j, 20, colour) for j in range(4))), i / 10))).faces
        for i, colour in enumerate((RED, RED, GREEN))
    )
    assert [face.id for face in before] == [face.id for face in after]
    assert all((a.probabilities != b.probabilities).any() for a, b in zip(before, after, strict=True))


def test_without_smoothing_each_face_is_read_in_each_frame(recognizer):
    crowd = [square(50 * i, 20) for i in range(5)]
    made = recognizer(crowd, crowd)
    colours = [[RED] * 5, [GREEN] * 5]
    first, second = (
        made.classify(made.detect(frame(i, scene(*((50 * j, 20, c) for j, c in enumerate(colours[i]))), i / 100))).faces
        for i in range(2)
    )
    assert all((a.probabilities != b.probabilities).any() for a, b in zip(first, second, strict=True))


def test_more_faces_than_are_asked_for_are_counted_and_left_out(recognizer):
    found = [square(50 * i, 20, score=0.9 - i / 100) for i in range(5)]
    made = recognizer(found, max_faces=3)
    assert [track.detection for track in made.detect(frame(0, scene())).tracks] == found[:3]
    assert made.statistics.summary()["counts"]["faces_left_out"] == 2


class ScriptedClassifier:
    """Reads in every face what it was told to read last."""

    input_size = 32
    reading = likely(EMOTIONS.index("neutral"), 0.97)

    def classify(self, crops):
        return np.repeat(self.reading[None], len(crops), axis=0)


@pytest.mark.parametrize(
    ("options", "emotion"),
    [
        pytest.param({"personal_baseline": True}, "happy", id="judged by the face at rest"),
        pytest.param({}, "neutral", id="off by default"),
        pytest.param(
            {"personal_baseline": True, "quality": Quality(min_face_size=50)}, None, id="not learnt: too small"
        ),
    ],
)
def test_a_slight_smile_after_seconds_at_rest(options, emotion):
    detector, classifier = ScriptedDetector(*[[square(20, 20)]] * 42), ScriptedClassifier()
    networks = Networks(Loaded(classifier, WHOLE_BOX, EMOTIONS), lambda side: detector)
    quality = {"quality": Quality(min_sharpness=0)}
    made = Recognizer(networks, Options(**EVERY_PICTURE | quality | options))
    answers(made, *[scene()] * 32)
    smile = np.full(len(EMOTIONS), 0.001, np.float32)
    smile[[EMOTIONS.index("neutral"), EMOTIONS.index("happy")]] = 0.745, 0.25
    classifier.reading = smile
    shown = [made.classify(made.detect(frame(i, scene(), i / 10))).faces[0] for i in range(32, 42)][-1]
    assert shown.emotion == emotion
