"""Camera buffers of every format, with and without gaps at the ends of their rows, become the same picture."""

import cv2
import numpy as np
import pytest

from edge.sources.pixel_formats import PIXEL_FORMATS, bytes_a_frame, decode

WIDTH, HEIGHT = 32, 16
RED = (0, 0, 255)  # BGR


@pytest.fixture
def picture():
    """Red on the left, and on the right one that tells every other plane and corner apart."""
    image = np.full((HEIGHT, WIDTH, 3), RED, np.uint8)
    image[:8, 16:] = (255, 0, 0)
    image[8:, 16:] = (40, 200, 90)
    return image


def rows_of(picture, form):
    """The planes of a picture one below the other, uint8 `[rows, bytes a row]`, written out from the formats' text."""
    b, g, r = (picture[..., i] for i in range(3))
    x = np.zeros_like(b)
    packed = {"RGB888": (b, g, r), "BGR888": (r, g, b), "XRGB8888": (b, g, r, x), "XBGR8888": (r, g, b, x)}
    if form in packed:
        return np.stack(packed[form], axis=-1).reshape(HEIGHT, -1)
    if form == "R8":
        return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    y, u, v = (plane.astype(np.uint8) for plane in ycc(picture))
    if form == "YUYV":
        return np.stack([y[:, ::2], u[:, ::2], y[:, 1::2], v[:, ::2]], axis=-1).reshape(HEIGHT, -1)
    u, v = u[::2, ::2], v[::2, ::2]
    if form in ("NV12", "NV21"):
        colour = np.stack([u, v] if form == "NV12" else [v, u], axis=-1).reshape(HEIGHT // 2, WIDTH)
        return np.concatenate([y, colour])
    first, second = (u, v) if form == "YUV420" else (v, u)
    return np.concatenate([y, first.reshape(-1, WIDTH), second.reshape(-1, WIDTH)])


def ycc(picture):
    """BT.601 in studio range, as OpenCV reads it."""
    b, g, r = (picture[..., i].astype(float) for i in range(3))
    y = 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255
    u = 128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255
    v = 128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255
    return [np.round(plane) for plane in (y, u, v)]


def with_gaps(rows, form, gap):
    """Rows of the first plane end in `gap` bytes of noise, those of planes of colour apart in half as many."""
    noise = np.random.default_rng(0)

    def widened(plane, by):
        return np.concatenate([plane, noise.integers(0, 256, (len(plane), by), np.uint8)], axis=1)

    if form not in ("YUV420", "YVU420"):
        return widened(rows, gap).tobytes()
    colour = rows[HEIGHT:].reshape(-1, WIDTH // 2)
    return widened(rows[:HEIGHT], gap).tobytes() + widened(colour, gap // 2).tobytes()


@pytest.mark.parametrize("gap", [0, 32])
@pytest.mark.parametrize("form", [form for form in PIXEL_FORMATS if form not in ("MJPEG", "R8")])
def test_red_is_red_in_every_format(picture, form, gap):
    rows = rows_of(picture, form)
    buffer = with_gaps(rows, form, gap)
    assert len(buffer) == bytes_a_frame(form, (WIDTH, HEIGHT), rows.shape[1] + gap)
    decoded = decode(buffer, form, (WIDTH, HEIGHT), rows.shape[1] + gap)
    assert (decoded.shape, decoded.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert decoded.flags.c_contiguous
    assert np.abs(decoded.astype(int) - picture).max() <= 3


def test_grey_is_grey(picture):
    decoded = decode(rows_of(picture, "R8").tobytes(), "R8", (WIDTH, HEIGHT))
    assert (decoded == cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[..., None]).all()


def test_jpeg(picture):
    content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1]
    assert np.abs(decode(content, "MJPEG", (WIDTH, HEIGHT))[:, :12].astype(int) - RED).max() <= 6


@pytest.mark.parametrize("form", ["RGB888", "XRGB8888", "NV12"])
def test_what_lies_behind_the_picture_does_not_matter(picture, form):
    """Cameras round the size of their buffers up."""
    buffer = rows_of(picture, form).tobytes()
    whole = decode(buffer, form, (WIDTH, HEIGHT))
    assert (decode(buffer + b"\xaa" * 4096, form, (WIDTH, HEIGHT)) == whole).all()


@pytest.mark.parametrize("form", PIXEL_FORMATS[:-1])
def test_a_picture_outlives_its_buffer(picture, form):
    buffer = bytearray(rows_of(picture, form).tobytes())
    decoded = decode(buffer, form, (WIDTH, HEIGHT))
    kept = decoded.copy()
    buffer[:] = bytes(len(buffer))
    assert (decoded == kept).all()


def test_a_picture_is_not_copied_out_of_a_buffer_that_is_not_used_again(picture):
    buffer = rows_of(picture, "RGB888").ravel()
    assert np.shares_memory(decode(buffer, "RGB888", (WIDTH, HEIGHT), reused=False), buffer)


@pytest.mark.parametrize(
    ("buffer", "form", "message"),
    [
        pytest.param(b"\0" * 10, "RGB888", "1536 bytes, not 10", id="short"),
        pytest.param(b"\0" * 1536, "SRGGB10", "SRGGB10 cannot be read", id="raw of a sensor"),
        pytest.param(b"no jpeg", "MJPEG", "not a JPEG", id="no JPEG"),
    ],
)
def test_what_cannot_be_read(buffer, form, message):
    with pytest.raises(ValueError, match=message):
        decode(buffer, form, (WIDTH, HEIGHT))
