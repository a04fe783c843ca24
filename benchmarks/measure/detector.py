"""Processor time of a search for faces at the sizes in use, beside OpenCV's DNN module with the same weights.

    python -m benchmarks.measure.detector

Both search the same part of the demo portrait on one thread, interleaved, decoding of the boxes included. Medians of
all calls; processor time instead of the clock's, which on a busy machine is that of its other programs.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import chain

import cv2

from benchmarks.base.harness import distribution, interleave
from edge.base.assets import ASTRONAUT, YUNET, fetch
from edge.base.errors import exit_on_user_error
from edge.faces.yunet import Network
from edge.sources.pictures import read_image

SIZES = ((64, 64), (96, 96), (128, 64), (128, 128), (256, 256), (320, 180), (320, 240))
"""Width and height: mosaics of one, two and four regions, and the whole picture."""

THRESHOLD, ROUNDS = 0.6, 15

TURN = 0.1
"""Seconds of processor time."""


def main() -> int:
    """Print one row a size."""
    cv2.setNumThreads(1)
    print(f"| picture | OpenCV {cv2.__version__}, ms | TFLite runtime, ms | ratio |\n|---|---|---|---|")
    weights, portrait = fetch(YUNET), read_image(fetch(ASTRONAUT))
    for width, height in SIZES:
        side = min(300, 300 * height // width)
        part = portrait[10 : 10 + side, 100:400]
        image = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        reference = cv2.FaceDetectorYN.create(str(weights), "", (width, height), THRESHOLD, 0.3, 500)
        opencv, ours = _medians(partial(reference.detect, image), partial(Network(weights, THRESHOLD).find, image))
        print(f"| {width}×{height} | {opencv:.2f} | {ours:.2f} | {opencv / ours:.2f} |", flush=True)
    return 0


def _medians(*calls: Callable[[], object]) -> list[float]:
    """Milliseconds of each."""
    cases = {i: partial(_turn, call) for i, call in enumerate(calls)}
    found = interleave("detector", cases, ROUNDS)
    return [1000 * distribution(chain.from_iterable(found[i])).p50 for i in cases]


def _turn(call: Callable[[], object]) -> list[float]:
    """Seconds of each call; the first does not count."""
    call()
    times, end = [], time.process_time() + TURN
    while (started := time.process_time()) < end:
        call()
        times.append(time.process_time() - started)
    return times


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
