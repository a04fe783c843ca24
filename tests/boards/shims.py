"""Stand-ins with which Picamera2 runs, unmodified, on libcamera's virtual camera instead of a Raspberry Pi's.

libcamera 0.4.0's virtual pipeline has no raw role, wants a plane each for NV12's light and colour where Picamera2 makes
one for both, and leaves the status of its frames as the memory happened to be. The preview on a bare screen wants the
module pykms, which only Raspberry Pi OS has.
"""

import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import libcamera


class _Buffers:
    """`libcamera.FrameBuffer`, which cuts the one plane that it is given in two."""

    Plane = libcamera.FrameBuffer.Plane

    def __call__(self, planes):
        # The given plane becomes the first one: Picamera2 knows the buffer by the number of its file.
        (light,), colour = planes, self.Plane()
        size = light.length
        light.length = size * 2 // 3
        colour.fd, colour.offset, colour.length = light.fd, light.length, size // 3
        return libcamera.FrameBuffer([light, colour])


def _raw_modes(camera):
    formats = camera.camera.generate_configuration([libcamera.StreamRole.Viewfinder]).at(0).formats
    return [
        {"format": "SRGGB8", "size": (size.width, size.height)}
        for pixels in formats.pixel_formats
        for size in formats.sizes(pixels)
    ]


def install():
    """Before Picamera2 is used."""
    sys.modules["pykms"] = MagicMock()
    libcamera.FrameMetadata.status = property(lambda metadata: libcamera.FrameMetadata.Status.Success)
    from picamera2 import Picamera2
    from picamera2.allocators import dmaallocator

    Picamera2._get_raw_modes = _raw_modes  # noqa: SLF001 of a camera that is not there
    dmaallocator.libcamera = SimpleNamespace(FrameBuffer=_Buffers())
