"""Camera that plays a clip: raw frames on standard output at a constant rate.

    python -m benchmarks.base.camera CLIP WIDTHxHEIGHT FPS SECONDS

The clip begins again where it ends before the time is over.
"""

import sys
import time
from itertools import count
from pathlib import Path

import cv2

from edge.sources import open_source


def command(clip: Path, size: tuple[int, int], fps: float, seconds: float) -> list[str]:
    """The command that plays a clip."""
    width, height = size
    words = [str(clip.resolve()), f"{width}x{height}", str(fps), str(seconds)]
    return [sys.executable, "-m", "benchmarks.base.camera", *words]


def as_options(size: tuple[int, int], fps: float) -> list[str]:
    """Options of `emotion-edge run -` for the camera."""
    return ["--live", "--size", f"{size[0]}x{size[1]}", "--fps", str(fps)]


def main() -> int:
    """Run the camera until its time is over or its reader is gone."""
    clip, fps, seconds = sys.argv[1], float(sys.argv[3]), float(sys.argv[4])
    width, height = (int(side) for side in sys.argv[2].split("x"))
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
            image = frame.image
            if (frame.width, frame.height) != (width, height):
                image = cv2.resize(image, (width, height))
            sys.stdout.buffer.write(image.tobytes())
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        return 0
    finally:
        source.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
