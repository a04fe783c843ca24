"""Strangers' pictures are decoded in a process that has limits and can be ended."""

import struct
import subprocess
import sys
import threading
import zlib

import cv2
import numpy as np
import pytest

from edge.base.child_process import child_environment
from edge.web.decoding import Damaged, DecodingProcess, TooCostly

from ..patience import LONG, patiently

IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
PNG = cv2.imencode(".png", IMAGE)[1].tobytes()


def test_a_picture():
    decoding = DecodingProcess(10_000, LONG)
    for _ in range(2):
        assert np.array_equal(decoding.decode(PNG), IMAGE)


def test_the_limit_is_its_own():
    assert DecodingProcess(48 * 64, LONG).decode(PNG).shape == (48, 64, 3)
    with pytest.raises(TooCostly):
        DecodingProcess(48 * 64 - 1, LONG).decode(PNG)


@pytest.mark.parametrize("content", [b"", b"text", PNG[:500]])
def test_what_is_damaged(content):
    with pytest.raises(Damaged):
        DecodingProcess(10_000, LONG).decode(content)


def test_what_would_take_minutes():
    """A JPEG of more scans than there may be."""
    content = cv2.imencode(".jpg", IMAGE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    scan = content[content.rindex(b"\xff\xda") : -2]
    with pytest.raises(TooCostly):
        DecodingProcess(10_000, LONG).decode(content[:-2] + scan * 64 + b"\xff\xd9")


@pytest.mark.skipif(sys.platform != "linux", reason="the system has no such score")
def test_it_is_ended_first_where_memory_runs_out():
    program = (
        "from edge.base import child_process as child; child.limit_memory(1 << 30); print(child.OOM_SCORE.read_text())"
    )
    done = subprocess.run([sys.executable, "-c", program], env=child_environment(), capture_output=True, text=True)
    assert done.stdout.split() == ["1000"]


class Sleeping(DecodingProcess):
    """A decoder that is never through; it makes the file `begun` where it is started."""

    command = (sys.executable, "-c", "import time; open('begun', 'w').close(); time.sleep(1000)")


def test_what_takes_too_long(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TooCostly):
        Sleeping(10_000, 0.1).decode(PNG)


def test_closing_ends_what_is_being_decoded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    decoding, refused = Sleeping(10_000, 10 * LONG), []

    def decode():
        try:
            decoding.decode(PNG)
        except TooCostly:
            refused.append(True)

    thread = threading.Thread(target=decode, daemon=True)
    thread.start()
    patiently((tmp_path / "begun").exists)
    decoding.close()
    thread.join(LONG)
    assert refused == [True]
    with pytest.raises(TooCostly):
        decoding.decode(PNG)


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not keep such a limit")
def test_what_takes_too_much_memory():
    """A grey PNG of 40,000 by 30,000 pixels, for a process that may have 1 GiB."""
    width, height = 40_000, 30_000
    packer = zlib.compressobj(1)
    row = bytes(width // 8 + 1)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    content = b"\x89PNG\r\n\x1a\n"
    for name, part in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)),
        (b"IDAT", body),
        (b"IEND", b""),
    ):
        content += struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
    with pytest.raises(Damaged):
        DecodingProcess(2_000_000_000, LONG).decode(content)
