"""What a search for faces costs at the sizes in use, and what it cost with OpenCV's DNN module.

    python -m benchmarks.detector [THREADS]

Both search the same part of the demo portrait, in turns, with the decoding of the boxes; medians of all calls.
"""

import sys
from functools import partial
from itertools import chain

import cv2

from benchmarks.harness import distribution, interleave, timed_burst
from edge.assets import ASTRONAUT, YUNET, fetch
from edge.errors import exit_on_user_error
from edge.sources.pictures import read_image
from edge.yunet import Network

SIZES = ((64, 64), (96, 96), (128, 64), (128, 128), (256, 256), (320, 180), (320, 240))
"""Width and height: squares about one face, about two and four, and the whole picture."""

THRESHOLD, ROUNDS = 0.6, 9


def main() -> int:
    """Print one row a size."""
    threads = int(sys.argv[1]) if sys.argv[1:] else 1
    cv2.setNumThreads(threads)
    print(f"{threads} threads, OpenCV {cv2.__version__}; milliseconds")
    print("| picture | OpenCV's DNN | TFLite runtime | ratio |\n|---|---|---|---|")
    for width, height in SIZES:
        before, now = _medians(width, height)
        print(f"| {width}×{height} | {before:.2f} | {now:.2f} | {before / now:.2f} |", flush=True)
    return 0


def _medians(width: int, height: int) -> tuple[float, float]:
    """Milliseconds of a call of each."""
    weights, portrait = fetch(YUNET), read_image(fetch(ASTRONAUT))
    side = min(300, 300 * height // width)
    image = cv2.resize(portrait[10 : 10 + side, 100:400], (width, height), interpolation=cv2.INTER_AREA)
    reference = cv2.FaceDetectorYN.create(str(weights), "", (width, height), THRESHOLD, 0.3, 500)
    network = Network(weights, THRESHOLD)
    cases = {
        "before": partial(timed_burst, partial(reference.detect, image)),
        "now": partial(timed_burst, partial(network.find, image)),
    }
    found = interleave(f"{width}×{height}", cases, ROUNDS)
    before, now = (1000 * distribution(chain.from_iterable(found[name])).p50 for name in cases)
    return before, now


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
