"""YuNet in the TFLite runtime: equal to OpenCV's, at every size and with every number of threads."""

import json
from itertools import product

import cv2
import numpy as np
import pytest

from edge.base.errors import UserError
from edge.faces import yunet as module
from edge.faces.yunet import (
    ALIGNMENT,
    GRAPH_FILE,
    ORDER_FILE,
    SHAPES,
    Network,
    cells_of,
    decode,
    filled_graph,
    joined,
)

from ..clips import WOMAN

THRESHOLD = 0.6

EQUAL = 1e-4
"""Largest difference, in widths of a face and in scores."""


@pytest.fixture(scope="module")
def network(yunet):
    return Network(yunet, THRESHOLD)


@pytest.fixture(scope="module")
def reference(yunet):
    """OpenCV's FaceDetectorYN; rows as ours, the best first."""
    detector = cv2.FaceDetectorYN.create(str(yunet), "", (320, 320), THRESHOLD, 0.3, 500)

    def find(image):
        detector.setInputSize((image.shape[1], image.shape[0]))
        _, rows = detector.detect(image)
        rows = np.empty((0, 15), np.float32) if rows is None else rows
        return np.roll(rows, 1, axis=1)[np.argsort(-rows[:, 14], kind="stable")]

    return find


@pytest.fixture
def threads():
    before = cv2.getNumThreads()
    yield cv2.setNumThreads
    cv2.setNumThreads(before)


def rows(faces):
    """Faces as an array `[n, 15]`."""
    return np.array(faces).reshape(-1, 15)


def assert_equal(faces, expected):
    found = rows(faces)
    assert found.shape == expected.shape
    width = expected[:, 3:4]
    np.testing.assert_array_less(np.abs(found[:, 1:] - expected[:, 1:]) / width, EQUAL)
    np.testing.assert_array_less(np.abs(found[:, 0] - expected[:, 0]), EQUAL)


def part(portrait, width, height, x=100, y=10, side=300):
    """A part of the portrait with the face in it, at any size."""
    high = min(side, side * height // width)
    return cv2.resize(portrait[y : y + high, x : x + side], (width, height), interpolation=cv2.INTER_AREA)


SIZES = [(64, 64), (96, 96), (128, 128), (128, 64), (256, 256), (320, 192), (320, 180), (320, 240)]
"""Width and height of pictures that are searched."""

ODD = [(10, 10), (10, 33), (31, 32), (33, 31), (63, 65), (65, 129), (97, 40), (319, 177), (321, 11)]


@pytest.mark.parametrize("size", SIZES + ODD, ids=lambda size: "{}x{}".format(*size))
def test_faces_are_those_of_opencv(network, reference, portrait, size):
    if min(size) < 32 and cv2.__version__ < "5":
        pytest.skip("OpenCV 4 reads memory that nothing wrote, and may find faces in it")
    pictures = [part(portrait, *size, x, y) for x, y in ((100, 10), (60, 0), (131, 23))]
    found = [network.find(image) for image in pictures]
    for faces, image in zip(found, pictures, strict=True):
        assert_equal(faces, reference(image))
    assert any(map(len, found)) or size not in SIZES, "or nothing was compared"


def test_crowds_are_those_of_opencv(network, reference, portrait):
    """Faces that cut one another off, and one that covers another."""
    rng, most = np.random.default_rng(0), 0
    for _ in range(10):
        image = rng.integers(90, 150, (240, 320, 3)).astype(np.uint8)
        for _ in range(8):
            side = int(rng.integers(30, 110))
            x, y = rng.integers(0, (320 - side, 240 - side))
            image[y : y + side, x : x + side] = part(portrait, side, side, 140, 30, 180)
        expected = reference(image)
        assert_equal(network.find(image), expected)
        most = max(most, len(expected))
    assert most > 3


@pytest.mark.skipif(not WOMAN.is_file(), reason="the video is not on this machine")
def test_faces_of_a_video_are_those_of_opencv(network, reference):
    video, count = cv2.VideoCapture(str(WOMAN)), 0
    while video.grab():
        count += 1
        if count % 10 == 0:
            image = cv2.resize(video.retrieve()[1], (320, 180))
            assert_equal(network.find(image), reference(image))
    assert count == 464


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.9, 1.0])
def test_any_threshold(yunet, portrait, threshold):
    faces = rows(Network(yunet, threshold).find(part(portrait, 128, 128)))
    assert len(faces) == (0 if threshold == 1 else len(faces))
    assert (faces[:, 0] > threshold).all()
    assert np.isfinite(faces).all()
    assert len(faces) > 10 or threshold > 0


def test_what_was_searched_before_leaves_nothing_in_the_padding(network, portrait):
    """On the right and at the bottom of the same input, which other sizes share."""
    odd = part(portrait, 70, 75)
    first = network.find(odd)
    network.find(np.full((96, 96, 3), 255, np.uint8))
    assert network.find(odd) == first


def test_threads_change_no_answer_and_follow_opencvs_number(yunet, portrait, threads, monkeypatch):
    asked, answers = [], []
    open_interpreter = module.open_interpreter

    def keep(content, threads, shape):
        asked.append(threads)
        return open_interpreter(content, threads, shape)

    monkeypatch.setattr(module, "open_interpreter", keep)
    network = Network(yunet, THRESHOLD)
    for number in (1, 2, 1):
        threads(number)
        answers.append(network.find(part(portrait, 320, 240)))
    assert asked == [1, 2], "what was planned with one thread is kept"
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-5)
    threads(4)
    network.find(part(portrait, 64, 64))
    assert asked[-1] == 1, "small pictures are not worth more"


def test_no_more_shapes_are_kept_than_stated(network, portrait):
    for side in range(32, 32 * (SHAPES + 3), 32):
        network.find(part(portrait, side, side))
    assert len(network.shapes) == SHAPES
    network.find(part(portrait, 672, 672))
    assert network.shapes == [(672, 672)], "alone, for it is larger than all that is kept together"
    network.find(part(portrait, 64, 64))
    network.find(part(portrait, 96, 96))
    assert network.shapes == [(64, 64), (96, 96)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"an error page of a proxy", id="something else"),
        pytest.param(None, id="cut short"),
    ],
)
def test_damaged_weights_are_refused_in_one_line(yunet, tmp_path, content):
    path = tmp_path / "yunet.onnx"
    path.write_bytes(yunet.read_bytes()[:100_000] if content is None else content)
    with pytest.raises(UserError, match=r"yunet\.onnx: not YuNet's weights .*: delete it"):
        Network(path, THRESHOLD)


def test_weights_that_are_gone_are_refused(tmp_path):
    with pytest.raises(UserError, match="not YuNet's weights"):
        Network(tmp_path / "nothing.onnx", THRESHOLD)


def test_the_graph_comes_without_weights(yunet):
    stored = yunet.read_bytes()
    graph = GRAPH_FILE.read_bytes()
    assert len(graph) < 20_000
    assert len(graph) % ALIGNMENT == 0
    assert len(filled_graph(stored)) > len(stored) * 0.9
    names = [name for block in json.loads(ORDER_FILE.read_bytes()) for name in block]
    assert len(names) == len(set(names)) == 106


def test_parameters_are_laid_out_as_tflite_wants_them():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 8, 3, 5), np.float32), rng.random((4, 8, 3, 5), np.float32)
    whole = joined([a, b])
    assert whole.shape == (6, 3, 5, 8)
    assert whole[5, 2, 3, 7] == b[3, 7, 2, 3]
    depthwise = joined([a[:, :1], b[:, :1]])
    assert depthwise.shape == (1, 3, 5, 6)
    assert depthwise[0, 1, 4, 0] == a[0, 0, 1, 4]
    colours = joined([a[:, :3]])
    assert colours.shape == (2, 3, 5, 4)
    assert colours[1, 2, 4, 2] == a[1, 2, 2, 4]
    assert not colours[..., 3].any()
    np.testing.assert_array_equal(joined([a[0, 0, 0], b[0, 0, 0]]), [*a[0, 0, 0], *b[0, 0, 0]])


def test_cells_stand_in_rows_level_by_level():
    cells = cells_of(32, 64)
    expected = [
        (x, y, stride) for stride in (8, 16, 32) for y, x in product(range(0, 32, stride), range(0, 64, stride))
    ]
    np.testing.assert_array_equal(cells, expected)


def answer(row, presence, centre=(0.5, -0.25)):
    """Answers of 21 cells, of a picture of 32×32: a face of 16×24 pixels in a cell of 8×8."""
    answers = np.full((21, 16), -20, np.float32)
    answers[row] = [2, presence, *centre, np.log(2), np.log(3), *np.arange(10) / 8]
    return answers


def test_an_answer_is_decoded_in_pixels_from_its_cell():
    row = 4 * 2 + 3  # of stride 8, at x = 24 and y = 16
    (found,) = decode(answer(row, presence=3), cells_of(32, 32), 0.6)
    score = np.sqrt(1 / (1 + np.exp(-2)) / (1 + np.exp(-3)))
    landmarks = np.arange(10) + [24, 16] * 5
    assert found == pytest.approx([score, 28 - 8, 14 - 12, 16, 24, *landmarks], rel=1e-5)
    assert decode(answer(row, presence=-20), cells_of(32, 32), 0.6) == []


def test_of_faces_that_overlap_the_best_stays():
    places = {0: 1, 1: 3, 3: 2, 12: -3}  # presence by cell; the first two are 8 pixels apart, the third 16 from them
    answers = np.max([answer(row, presence) for row, presence in places.items()], axis=0)
    found = decode(answers, cells_of(32, 32), 0.6)
    assert [x for _, x, *_ in found] == pytest.approx([8 - 4, 24 - 4])
    assert found[0][0] > found[1][0] > 0.6
