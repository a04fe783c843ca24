"""Answers of a bundle's int8 model to faces, for a comparison of machines bit by bit.

    python -m tests.boards.answers faces FILE.npy [COUNT]  makes 200 faces, or as many as COUNT says, of the portrait
    python -m tests.boards.answers answer FILE.npy OUT.npy
    python -m tests.boards.answers compare OUT.npy OTHER.npy

What is kept are whole numbers: the steps of the logits, and those of 1/256 of the probabilities. The runtime looks the
softmax up, on arm64 in another table than elsewhere (TFLITE_SOFTMAX_USE_UINT16_LUT in TensorFlow's
lite/kernels/internal/optimized/optimized_ops.h), so that a probability may round the other way there; all that comes
before must be alike to the bit.
"""

import sys

import cv2
import numpy as np
from ai_edge_litert import schema_py_generated as tflite

from edge.base.assets import ASTRONAUT, fetch
from edge.base.settings import DEFAULT_BUNDLE
from edge.model.bundle import load_bundle
from edge.model.interpreter import open_interpreter
from edge.sources.pictures import read_image
from export.graph import Graph

MOST_STEPS = 1
"""Largest difference of a probability by rounding; more is another answer."""


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


def answer(content: bytes, crops: np.ndarray) -> np.ndarray:
    """The numbers that an int8 model gives for faces, int16 `[n, numbers]`."""
    interpreter = open_interpreter(content, 1)
    pixels, output = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    answers = []
    for crop in crops:
        interpreter.set_tensor(pixels, crop[None])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(output)[0].astype(np.int16))
    return np.stack(answers)


def before_softmax(content: bytes) -> bytes:
    """The same graph, answering with its logits."""
    changed = bytearray(content)
    softmax = next(operator for operator in Graph(changed).operators() if operator.kind == "SOFTMAX")
    tflite.Model.GetRootAs(changed, 0).Subgraphs(0).OutputsAsNumpy()[:] = softmax.inputs[0]
    return bytes(changed)


def compare(here: np.ndarray, there: np.ndarray) -> tuple[int, int]:
    """Count the faces that are answered bit for bit alike, and find the largest difference in steps."""
    difference = np.abs(here - there).max(axis=1)
    return int((difference == 0).sum()), int(difference.max())


def main(task: str, source: str, target: str = "200") -> int:
    if task == "compare":
        (here_logits, here), (there_logits, there) = np.load(source), np.load(target)
        alike, largest = compare(here_logits, there_logits)
        print(f"{alike} of {len(here)} faces have logits that are bit for bit alike")
        alike, furthest = compare(here, there)
        print(f"{alike} of {len(here)} are answered bit for bit alike; largest difference {furthest}/256")
        return 0 if largest == 0 and furthest <= MOST_STEPS else 1
    bundle = load_bundle(DEFAULT_BUNDLE)
    if task == "faces":
        np.save(source, faces(bundle.input_size, int(target)))
    else:
        crops = np.load(source)
        np.save(target, np.stack([answer(before_softmax(bundle.model), crops), answer(bundle.model, crops)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
