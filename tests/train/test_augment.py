import numpy as np
import pytest

keras = pytest.importorskip("keras")

from train.augment import augment, cubic_interpolation, mixup  # noqa: E402
from train.config import Augmentation  # noqa: E402

STILL = {
    "flip": False,
    "rotation": 0.0,
    "scale": 0.0,
    "shift": 0.0,
    "contrast": 0.0,
    "brightness": 0.0,
    "random_erasing": 0.0,
    "blur": 0.0,
    "noise": 0.0,
    "mixup_alpha": 0.0,
}


def faces(count: int = 64) -> np.ndarray:
    ramp = np.linspace(0.2, 0.8, 48, dtype=np.float32)
    return np.broadcast_to(ramp[None, None, :, None], (count, 48, 48, 1)).copy()


def labels(count: int = 64) -> np.ndarray:
    return np.eye(7, dtype=np.float32)[np.arange(count) % 7][:, None]


def stripes(count: int = 64) -> np.ndarray:
    """Four pixels wide each, as fine as the features of so small a face."""
    wave = 0.5 + 0.25 * np.sin(np.arange(48, dtype=np.float32) * np.pi / 2)
    return np.broadcast_to(wave[None, None, :, None], (count, 48, 48, 1)).copy()


def augmented(knobs: dict, seed: int = 1, faces: np.ndarray = faces()) -> np.ndarray:  # noqa: B008
    changed = augment(
        keras.ops.convert_to_tensor(faces), Augmentation(**(STILL | knobs)), keras.random.SeedGenerator(seed)
    )
    return keras.ops.convert_to_numpy(changed)


def test_everything_off_changes_nothing():
    np.testing.assert_allclose(augmented({}), faces(), atol=1e-6)


@pytest.mark.parametrize(
    "knobs",
    [
        {"rotation": 12.0},
        {"scale": 0.2},
        {"shift": 0.1},
        {"contrast": 0.5},
        {"brightness": 0.3},
        {"random_erasing": 1.0},
        {"noise": 0.1},
    ],
)
def test_each_knob_changes_each_face_differently_and_stays_in_range(knobs):
    result = augmented(knobs)
    assert result.min() >= 0
    assert result.max() <= 1
    assert np.abs(result - faces()).max(axis=(1, 2, 3)).min() > 1e-5
    assert np.abs(result[1:] - result[:-1]).max(axis=(1, 2, 3)).min() > 1e-5


def test_half_of_the_faces_are_mirrored_exactly():
    result, original = augmented({"flip": True}), faces()
    mirrored = np.abs(result - original[:, :, ::-1]).max(axis=(1, 2, 3)) < 1e-4
    same = np.abs(result - original).max(axis=(1, 2, 3)) < 1e-4
    assert (mirrored ^ same).all()
    assert 16 < mirrored.sum() < 48


def test_rotation_and_shift_keep_to_their_range():
    shifted = augmented({"shift": 0.1})
    centre = shifted[:, 24, 24, 0] - faces()[:, 24, 24, 0]
    assert np.abs(centre).max() <= 0.1 * 48 * (0.6 / 47) + 1e-4
    turned = augmented({"rotation": 10.0})
    slope = turned[:, 34, 24, 0] - turned[:, 14, 24, 0]  # along y the ramp is flat until it is turned
    assert np.abs(slope).max() <= 20 * (0.6 / 47) * np.sin(np.radians(10)) * 1.05


def test_moving_a_face_leaves_it_sharp():
    moved = augmented({"shift": 0.1, "rotation": 10.0, "scale": 0.1}, faces=stripes())[:, 8:40, 8:40]
    assert moved.std(axis=(1, 2, 3)).min() > 0.85 * stripes()[:, 8:40, 8:40].std()


def test_half_of_the_faces_are_softened():
    softened = augmented({"blur": 1.0}, faces=stripes())
    inside = softened[:, 4:44, 4:44]
    kept = inside.std(axis=(1, 2, 3)) / stripes()[:, 4:44, 4:44].std()
    assert 16 < (kept > 0.999).sum() < 48
    assert kept.min() < 0.4
    np.testing.assert_allclose(inside.mean(axis=(1, 2, 3)), 0.5, atol=0.01)


def test_noise_is_of_each_pixel_and_of_a_strength_of_each_face():
    noise = augmented({"noise": 0.04}) - faces()
    deviations = noise.std(axis=(1, 2, 3))
    assert deviations.max() < 0.042
    assert 0.015 < deviations.mean() < 0.025, "evenly spread from none to all"
    assert np.abs(np.corrcoef(noise[:, 20, 20, 0], noise[:, 20, 21, 0])[0, 1]) < 0.4


def test_a_seed_decides_everything():
    knobs = {"flip": True, "rotation": 12.0, "random_erasing": 0.5, "contrast": 0.3, "noise": 0.1}
    assert (augmented(knobs, 3) == augmented(knobs, 3)).all()
    assert (augmented(knobs, 3) != augmented(knobs, 4)).any()


def test_faces_and_labels_are_blended_alike():
    bright = np.arange(64, dtype=np.float32)[:, None, None, None] / 64 * np.ones((1, 48, 48, 1), np.float32)
    votes = np.stack([labels(), np.roll(labels(), 1, axis=2)], axis=1)[:, :, 0]
    mixed = mixup(*map(keras.ops.convert_to_tensor, (bright, votes)), 0.4, keras.random.SeedGenerator(2))
    blended, blended_votes = map(keras.ops.convert_to_numpy, mixed)
    share = (blended[:, 0, 0, 0] - bright[::-1, 0, 0, 0]) / (bright - bright[::-1])[:, 0, 0, 0]
    assert -1e-4 < share.min() < 0.2
    assert 0.8 < share.max() < 1 + 1e-4
    expected = share[:, None, None] * votes + (1 - share)[:, None, None] * votes[::-1]
    np.testing.assert_allclose(blended_votes, expected, atol=1e-4)


def test_a_cubic_enlargement_keeps_what_is_between_its_samples():
    rows = cubic_interpolation(16, 3)
    assert rows.shape == (48, 16)
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(rows[1::3], np.eye(16, dtype=np.float32))  # the middle one is the sample itself
    straight = rows @ np.arange(16, dtype=np.float32)
    np.testing.assert_allclose(straight[6:-6], np.arange(48)[6:-6] / 3 - 1 / 3, atol=1e-5)
