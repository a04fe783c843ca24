"""JPEGs in a stream of bytes, found by their own structure."""

import cv2
import numpy as np
import pytest

from edge.sources import jpegs
from edge.sources.jpegs import JpegCutter, count_scans

from ..memory import kept_bytes

NOISE = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)


def jpeg(*settings):
    return cv2.imencode(".jpg", NOISE, list(settings))[1].tobytes()


PLAIN = jpeg()
PROGRESSIVE = jpeg(cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
WITH_RESTARTS = jpeg(cv2.IMWRITE_JPEG_RST_INTERVAL, 2)


def with_thumbnail(picture):
    """With a JPEG in a segment of its own, as digital cameras write."""
    segment = b"Exif\0\0" + PLAIN[:2000] + b"\xff\xd9"
    return picture[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + picture[2:]


def sized(picture, width, height):
    """With another size in its header."""
    at = picture.index(b"\xff\xc0") + 5
    return picture[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + picture[at + 4 :]


def cut(content, step):
    cutter = JpegCutter()
    found = [picture for at in range(0, len(content), step) for picture in cutter.cut(content[at : at + step])]
    return found, cutter


@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_whole_pictures_are_found_whatever_is_between_them(step):
    pictures = [PLAIN, PROGRESSIVE, WITH_RESTARTS, with_thumbnail(PLAIN), PLAIN]
    between = [b"", b"--frame\r\nContent-Type: image/jpeg\r\n\r\n", b"\xff", bytes(500), b"\xff\xd8", b"\r\n"]
    content = b"".join(gap + picture for gap, picture in zip(between, pictures, strict=False)) + between[-1]
    assert cut(content, step)[0] == pictures


def test_a_picture_is_given_with_its_last_byte():
    cutter = JpegCutter()
    assert cutter.cut(PLAIN[:-1]) == []
    assert cutter.cut(PLAIN[-1:]) == [PLAIN]


def test_a_picture_without_an_end_is_given_up_to_the_next():
    found, _ = cut(PLAIN[:-2] + b"\r\n--frame\r\n\r\n" + PLAIN, 100)
    assert found == [PLAIN[:-2] + b"\r\n--frame\r\n\r\n", PLAIN]


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        pytest.param(sized(PLAIN, 30000, 30000), "30000x30000", id="pixels"),
        pytest.param(PLAIN[:2] + b"\xff\xe0\0\0" + PLAIN[2:], "damaged", id="no length"),
        pytest.param(PLAIN[:2] + b"\xff\xe0\0\x10" + PLAIN[2:], "damaged", id="another length"),
    ],
)
def test_what_is_refused_is_passed_over(refused, reason):
    found, cutter = cut(refused + PLAIN, 64)
    assert found[-1] == PLAIN
    assert refused not in found
    assert reason in cutter.refusal


def test_a_picture_of_too_many_bytes_is_passed_over(monkeypatch):
    monkeypatch.setattr(jpegs, "MAX_JPEG_BYTES", 10_000)
    scan = PLAIN.index(b"\xff\xda") + 14
    found, cutter = cut(PLAIN[:scan] + b"\0" * 20_000 + b"\xff\xd9" + PLAIN, 1000)
    assert found == [PLAIN]
    assert "MB" in cutter.refusal


def test_a_picture_of_too_many_scans_is_passed_over():
    scan = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
    found, cutter = cut(PROGRESSIVE[:-2] + scan * jpegs.MAX_SCANS + b"\xff\xd9" + PLAIN, 10**6)
    assert found == [PLAIN]
    assert "scans" in cutter.refusal


def test_scans_are_counted_as_libjpeg_comes_upon_them():
    assert [count_scans(picture) for picture in (PLAIN, with_thumbnail(PLAIN), PROGRESSIVE)] == [1, 1, 10]
    assert count_scans(PLAIN + PROGRESSIVE) == 1, "what follows the picture is not decoded"
    assert count_scans(PLAIN[:-2] + b"\r\n" + PLAIN[PLAIN.index(b"\xff\xda") :]) == 2, "with something in between"
    assert count_scans(b"") == count_scans(b"\xff\xd8\xff") == 0


def test_no_scan_hides_behind_a_reserved_marker():
    """At a due restart marker libjpeg passes over the reserved one alone: what follows is no segment of it."""
    whole = jpeg(cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 1)
    scan = whole[whole.rindex(b"\xff\xda") :][:10]
    hiding = whole[:-2] + scan + bytes(2) + b"\xff\x02\xff\xff" + (scan * 6554)[: 65535 - 2] + b"\xff\xd9"
    assert count_scans(hiding) > 6000
    found, cutter = cut(hiding + PLAIN, 10**6)
    assert found == [PLAIN]
    assert "scans" in cutter.refusal


def test_what_holds_no_picture_is_not_kept():
    cutter = JpegCutter()
    for _ in range(100):
        assert cutter.cut(bytes(10_000)) == []
    assert kept_bytes(cutter) < 1000
