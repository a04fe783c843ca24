"""Plays a clip as a camera would: raw frames on standard output at their own rate, whoever reads them or not.

    python -m benchmarks.camera CLIP FPS SECONDS

The clip begins again where it ends before the time is over.
"""

import sys
import time
from itertools import count

import cv2

from edge.sources import open_source


def main() -> int:
    """Be the camera; returns when it is over or nobody reads any more."""
    clip, fps, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    cv2.setNumThreads(1)
    source, began = open_source(clip), time.monotonic()
    try:
        for i in count():
            frame = source.read()
            if frame is None:
                source.close()
                source = open_source(clip)
                frame = source.read()
                assert frame is not None, "a clip that was read once can be read again"
            time.sleep(max(0.0, began + i / fps - time.monotonic()))
            if i >= fps * seconds:
                return 0
            sys.stdout.buffer.write(frame.image.tobytes())
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        return 0
    finally:
        source.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
