"""What a bundle's int8 model answers to faces, for a comparison of machines bit by bit.

    python -m tests.boards.answers faces FILE.npy [COUNT]  makes 200 faces, or as many as COUNT says, of the portrait
    python -m tests.boards.answers answer FILE.npy OUT.npy
    python -m tests.boards.answers compare OUT.npy OTHER.npy

What is kept are the steps of 1/256 that the model's output has.
"""

import sys

import cv2
import numpy as np

from edge.assets import ASTRONAUT, fetch
from edge.bundle import DEFAULT_BUNDLE, load_bundle
from edge.classify import EmotionClassifier
from edge.sources.files import read_image

MOST_STEPS = 1
"""More is another answer, not another rounding."""


def faces(size: int, count: int) -> np.ndarray:
    """uint8 RGB `[count, size, size, 3]`: the portrait's face, moved, turned, scaled, relit, mirrored, noisy."""
    portrait, rng = read_image(fetch(ASTRONAUT)), np.random.default_rng(0)
    crops = []
    for _ in range(count):
        centre = np.array([225, 115]) + rng.uniform(-25, 25, 2)
        turn = cv2.getRotationMatrix2D(tuple(centre), rng.uniform(-30, 30), rng.uniform(0.4, 0.9))
        turn[:, 2] += size / 2 - centre
        crop = cv2.warpAffine(portrait, turn, (size, size), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        crop = crop * rng.uniform(0.3, 1.4) + rng.uniform(-40, 40) + rng.normal(0, rng.uniform(0, 20), crop.shape)
        crops.append(np.clip(crop, 0, 255).astype(np.uint8)[:, :: rng.choice([-1, 1]), ::-1])
    return np.stack(crops)


def compare(here: np.ndarray, there: np.ndarray) -> tuple[int, int]:
    """How many faces are answered bit for bit alike, and the largest difference in steps."""
    difference = np.abs(here - there).max(axis=1)
    return int((difference == 0).sum()), int(difference.max())


def main(task: str, source: str, target: str = "200") -> int:
    if task == "compare":
        here = np.load(source)
        alike, largest = compare(here, np.load(target))
        print(f"{alike} of {len(here)} faces answered bit for bit alike; largest difference {largest}/256")
        return 0 if largest <= MOST_STEPS else 1
    classifier = EmotionClassifier.from_bundle(load_bundle(DEFAULT_BUNDLE))
    if task == "faces":
        np.save(source, faces(classifier.input_size, int(target)))
    else:
        np.save(target, np.rint(classifier.classify(np.load(source)) * 256).astype(np.int16))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
