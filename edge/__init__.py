"""Everything that runs on the board."""

import os

MAX_PICTURE_PIXELS = 128_000_000
"""Largest still picture, pixels; the largest phone and full-frame cameras make 108 million."""

# OpenCV reads this once, when it is loaded; its decoders then refuse larger pictures before they allocate memory. If a
# program imports cv2 before this package, OpenCV's own limit of 2^30 pixels applies instead.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PICTURE_PIXELS))
