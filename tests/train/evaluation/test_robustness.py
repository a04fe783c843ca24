"""Disturbances against values that were computed by hand, and classifiers that only look at one place."""

import json

import cv2
import numpy as np
import pytest

from train.evaluation import robustness as r
from train.evaluation.robustness import UNITS, disturbances, robustness

SIZE = 48
LANDMARKS = np.array([[0.31, 0.38], [0.69, 0.40], [0.5, 0.6], [0.34, 0.75], [0.65, 0.77]])


def flat(value: int, size: int = 8) -> np.ndarray:
    return np.full((1, size, size, 3), value, np.uint8)


def faces(row: float, count: int = 14) -> tuple[np.ndarray, np.ndarray]:
    """Grey faces with a bright line at `row`, whose left end tells the class; and the classes."""
    classes = np.arange(count) % 7
    images = np.full((count, SIZE, SIZE, 3), 100, np.uint8)
    for image, c in zip(images, classes, strict=True):
        image[round(row * SIZE), 4 + 6 * c : 8 + 6 * c] = 250
    return images, classes


def looks_at(row: float):
    """A classifier that answers by the brightest place of one row."""

    def predict(images: np.ndarray) -> np.ndarray:
        line = images[:, round(row * SIZE), 4:46, 0].astype(float)
        return line.reshape(len(images), 7, 6).sum(axis=2)

    return predict


def sharpness(images: np.ndarray) -> float:
    return float(np.abs(np.diff(images.astype(float), axis=2)).mean())


@pytest.fixture
def textured() -> np.ndarray:
    """Smooth random pictures, uint8 `[4, 48, 48, 3]`."""
    noise = np.random.default_rng(1).integers(0, 256, (4, 12, 12, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, (SIZE, SIZE)) for image in noise])


@pytest.mark.parametrize(("gain", "value"), [(0.5, 100), (0.08, 16), (0, 0)])
def test_less_light_scales_the_pixels(gain, value):
    assert (r.darken(flat(200), gain) == value).all()


def test_less_contrast_keeps_the_mean_of_each_image():
    pair = np.concatenate([flat(50), flat(150)])
    pair[:, :4] += 40  # means 70 and 170
    flattened = r.flatten(pair, 0.5)
    assert (flattened[:, :4].reshape(2, -1) == [[80], [180]]).all()
    assert (flattened[:, 4:].reshape(2, -1) == [[60], [160]]).all()


def test_blur_grows_with_the_face():
    point, large = flat(0, 48), flat(0, 96)
    point[0, 24, 24] = large[0, 48, 48] = 255

    def spread(image: np.ndarray) -> float:
        weights, x = image[0, :, :, 0].astype(float).sum(axis=0), np.arange(image.shape[2])
        return float(np.sqrt(np.average((x - np.average(x, weights=weights)) ** 2, weights=weights)))

    assert spread(r.blur(large, 2)) == pytest.approx(2 * spread(r.blur(point, 2)), rel=0.15)


def test_noise_is_grey_repeats_and_differs_between_images():
    first, again = (r.add_noise(np.concatenate([flat(128, 48)] * 2), 10) for _ in range(2))
    assert (first == again).all()
    assert (first == first[..., :1]).all()
    assert (first[0] != first[1]).any()
    assert first.std() == pytest.approx(10, rel=0.1)


def test_jpeg_keeps_the_order_of_the_colours():
    red = flat(0, 16)
    red[..., 0] = 200
    assert r.compress(red, 90).mean(axis=(0, 1, 2)) == pytest.approx([200, 0, 0], abs=3)


def test_a_far_face_is_means_of_areas():
    half = flat(0, 8)
    half[:, :, 4:] = 200
    assert (r.shrink(half, 1) == 100).all()


def test_turns_go_left_and_right_in_turn():
    image = flat(0, 9)
    image[0, 4, 8] = 255  # at three o'clock
    left, right = r.rotate(np.concatenate([image, image]), 90)
    assert left[0, 4, 0] > 200  # twelve
    assert right[8, 4, 0] > 200  # six


def test_a_band_takes_the_mean_colour_and_leaves_the_rest():
    image = flat(0, 10)
    image[:, 5:] = 200
    hidden = r.hide_band(image, 0.5, 0.2)
    assert (hidden[:, 4:6] == 100).all()
    assert (hidden[:, :4] == 0).all() and (hidden[:, 6:] == 200).all()


@pytest.mark.parametrize("name", list(UNITS))
def test_each_grade_leaves_less_of_the_picture(name, textured):
    disturbance = disturbances(SIZE, LANDMARKS)[name]
    before = textured.copy()
    distances = [
        np.abs(disturbance.apply(textured, grade).astype(float) - textured).mean() for grade in disturbance.grades[1:]
    ]
    assert distances == sorted(distances)
    assert distances[0] > 0
    assert (textured == before).all()
    changed = disturbance.apply(textured, disturbance.grades[-1])
    assert (changed.shape, changed.dtype) == (textured.shape, np.uint8)


@pytest.mark.parametrize("name", ["blur", "face_size"])
def test_details_vanish(name, textured):
    disturbance = disturbances(SIZE, LANDMARKS)[name]
    left = [sharpness(disturbance.apply(textured, grade)) for grade in disturbance.grades[1:]]
    assert left == sorted(left, reverse=True)


def test_small_models_have_fewer_sizes():
    assert disturbances(32, LANDMARKS)["face_size"].grades == (32, 24, 16, 12, 8)


@pytest.mark.parametrize(("place", "blinding", "harmless"), [(0.76, "mouth", "eyes"), (0.39, "eyes", "mouth")])
def test_who_looks_at_one_place_loses_when_that_is_hidden(place, blinding, harmless):
    images, classes = faces(place)
    curves = robustness(looks_at(place), images, classes, LANDMARKS)
    assert curves[blinding][0] == (0, 1)
    assert curves[blinding][-1] == (0.3, pytest.approx(1 / 7))
    assert {accuracy for _, accuracy in curves[harmless]} == {1}


def test_a_model_that_sees_nothing_is_robust():
    images, classes = faces(0.5)
    curves = robustness(lambda x: np.eye(7)[np.zeros(len(x), int)], images, classes, LANDMARKS)
    assert {accuracy for curve in curves.values() for _, accuracy in curve} == {2 / 14}


def test_unclear_images_are_left_out():
    images, classes = faces(0.5)
    seen = []

    def predict(x: np.ndarray) -> np.ndarray:
        seen.append(len(x))
        return looks_at(0.5)(x)

    truth = np.where(classes < 3, classes, -1)
    assert robustness(predict, images, truth, LANDMARKS)["darkness"][0] == (1, 1)
    assert set(seen) == {6}
    with pytest.raises(ValueError, match="no image"):
        robustness(predict, images, np.full(14, -1), LANDMARKS)


def test_the_curves_have_units_and_go_through_json():
    images, classes = faces(0.5)
    curves = robustness(looks_at(0.5), images, classes, LANDMARKS)
    assert set(curves) == set(UNITS)
    assert json.loads(json.dumps(curves)) == {name: [list(p) for p in curve] for name, curve in curves.items()}
