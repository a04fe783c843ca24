"""Everything that runs on the board."""

import os

MAX_PICTURE_PIXELS = 128_000_000
"""Pixels of a still picture above which it is refused: the largest phone and full-frame cameras make 108 million."""

# OpenCV reads this once, when it is loaded; its decoders then refuse a picture before they take memory for it. In a
# program that imports cv2 before this package it has no effect: there OpenCV's own limit holds, 2^30 pixels.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PICTURE_PIXELS))
