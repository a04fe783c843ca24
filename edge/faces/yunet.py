"""YuNet (Wu et al., 2023, doi 10.1007/s11633-023-1423-y) in the TFLite runtime.

The graph in this package has no weights: those of OpenCV Zoo's ONNX file are appended when it is opened.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from edge.base.errors import UserError
from edge.faces.onnx_weights import float_weights
from edge.model.interpreter import open_interpreter

GRAPH_FILE = Path(__file__).with_name("yunet_graph.tflite")
ORDER_FILE = Path(__file__).with_name("yunet_weights.json")
"""Names of the weights in each block behind the graph. Both files are written by `python -m export.yunet_graph`."""

ALIGNMENT = 16
"""Alignment of the blocks, bytes."""

STRIDES = (8, 16, 32)
"""Side of a cell at each level, pixels; pictures are padded to a multiple of the last."""

NMS_THRESHOLD = 0.3
"""Intersection over union above which the candidate with the lower score is dropped."""

MOST = 500
"""Most candidates that are compared with each other, those with the highest scores."""

SHAPES = 4
"""Most interpreters that are kept, one per input shape; planning a new one takes as long as an inference."""

MAX_PLANNED_PIXELS = 640 * 640
"""Most pixels of all input shapes that are kept, unless there is only one: an interpreter takes 90 bytes a pixel."""

PIXELS_A_THREAD = 128 * 128
"""Pixels below which a second thread costs more processor time than it saves."""


@lru_cache(maxsize=1)
def filled_graph(weights: bytes) -> bytes:
    """Append the weights to the graph.

    Args:
        weights: content of `face_detection_yunet_2023mar.onnx`.

    Returns:
        Content of a `.tflite` file: float32 `[1, h, w, 4]` (BGR, 0 to 255, and a channel that is ignored; sides are
        multiples of 32) to `[1, cells, 16]`, see `decode`.

    Raises:
        ValueError: the content is damaged or not that file.
    """
    stored = float_weights(weights)
    try:
        blocks = [joined([stored[name] for name in names]).tobytes() for names in json.loads(ORDER_FILE.read_bytes())]
    except KeyError as error:
        raise ValueError(f"no weights {error}") from error
    return GRAPH_FILE.read_bytes() + b"".join(block + bytes(-len(block) % ALIGNMENT) for block in blocks)


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Join the parameters of parallel convolutions, in TFLite's layout.

    Args:
        parts: float32 biases `[n]` or weights `[n, channels, h, w]`, one channel for depthwise ones.

    Returns:
        `[n]`, `[n, h, w, channels]` with three channels filled up to four, or depthwise `[1, h, w, n]`.
    """
    whole = np.concatenate(parts)
    if whole.ndim == 1:
        return whole
    if whole.shape[1] == 1:
        return whole.transpose(1, 2, 3, 0)
    if whole.shape[1] == 3:
        whole = np.pad(whole, ((0, 0), (0, 1), (0, 0), (0, 0)))
    return whole.transpose(0, 2, 3, 1)


class Network:
    """YuNet for pictures of any size; for one thread."""

    def __init__(self, model: Path, threshold: float) -> None:
        """Read the weights.

        Args:
            model: OpenCV Zoo's ONNX file.
            threshold: lowest score, 0 to 1.

        Raises:
            UserError: the file is damaged.
        """
        try:
            self._content = filled_graph(model.read_bytes())
        except (ValueError, OSError) as error:
            raise UserError(f"{model}: not YuNet's weights ({error})", "delete it: it is fetched again") from error
        self._threshold = threshold
        self._plans: OrderedDict[tuple[int, int, int], _Plan] = OrderedDict()

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Return height and width of the input shapes with an interpreter, the least recently used first."""
        return [(height, width) for height, width, _ in self._plans]

    def find(self, image: np.ndarray) -> list[list[float]]:
        """Find the faces in uint8 BGR `[h, w, 3]`, with at most as many threads as OpenCV may use.

        Returns:
            15 numbers for each face, the best first: score from 0 to 1, x, y, w, h of the box, and x, y of five
            landmarks, in pixels.
        """
        plan = self._plan(*(side + -side % STRIDES[-1] for side in image.shape[:2]))
        return decode(plan.run(image), plan.cells, self._threshold)

    def blank(self) -> None:
        """Overwrite the last pictures."""
        for plan in self._plans.values():
            plan.blank()

    def _plan(self, height: int, width: int) -> "_Plan":
        threads = max(1, min(cv2.getNumThreads(), height * width // PIXELS_A_THREAD))
        key = height, width, threads
        if key not in self._plans:
            self._make_room(height * width)
            self._plans[key] = _Plan(self._content, *key)
        self._plans.move_to_end(key)
        return self._plans[key]

    def _make_room(self, pixels: int) -> None:
        """Drop the least recently used plans, to make room for one of `pixels`."""
        while self._plans and (
            len(self._plans) == SHAPES
            or pixels + sum(height * width for height, width, _ in self._plans) > MAX_PLANNED_PIXELS
        ):
            self._plans.popitem(last=False)


class _Plan:
    """An interpreter for one input shape.

    Attributes:
        cells: cells of the output's rows, see `cells_of`.
    """

    def __init__(self, content: bytes, height: int, width: int, threads: int) -> None:
        interpreter = open_interpreter(content, threads, (1, height, width, 4))
        self.cells = cells_of(height, width)
        self._interpreter = interpreter
        # These make views of the runtime's memory where they are used: it does not run while a view is held.
        self._input = interpreter.tensor(interpreter.get_input_details()[0]["index"])
        self._output = interpreter.tensor(interpreter.get_output_details()[0]["index"])

    def run(self, image: np.ndarray) -> np.ndarray:
        """Return the output `[cells, 16]` for a picture padded with zeros at the right and bottom, as a view."""
        bottom, right = (-side % STRIDES[-1] for side in image.shape[:2])
        if bottom or right:
            image = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
        np.copyto(self._input()[0], cv2.cvtColor(image, cv2.COLOR_BGR2BGRA))
        self._interpreter.invoke()
        return self._output()[0]

    def blank(self) -> None:
        """Overwrite the last picture, and what the runtime keeps of it, by a black one."""
        height, width = self._input().shape[1:3]
        self.run(np.zeros((height, width, 3), np.uint8))


def cells_of(height: int, width: int) -> np.ndarray:
    """Return the cells of a picture whose sides are multiples of 32, in the order of the network's output.

    Returns:
        float32 `[cells, 3]`: x and y of the upper left corner, and the side, pixels.
    """
    levels = []
    for stride in STRIDES:
        y, x = np.mgrid[:height:stride, :width:stride]
        levels.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1))
    return np.concatenate(levels).astype(np.float32)


def decode(answers: np.ndarray, cells: np.ndarray, threshold: float) -> list[list[float]]:
    """Return the faces above the threshold, the best first, without those that a better one covers.

    About nine cells answer to a face: landmarks are computed for the best one only.

    Args:
        answers: float32 `[cells, 16]`: logits of the class and of a face's presence, the box's centre from the cell's
            corner and the logarithm of its size, and the five landmarks from the corner, all in sides of the cell.
        cells: see `cells_of`.
        threshold: lowest score; a score is the geometric mean of the two probabilities.

    Returns:
        See `Network.find`. Boxes are compared in whole pixels.
    """
    likely = (answers[:, 1] >= _least_logit(threshold)).nonzero()[0]
    if not len(likely):
        return []
    rows, places = answers.take(likely, axis=0), cells.take(likely, axis=0)
    doubts = 1 + np.exp(-rows[:, :2])
    scores = (1 / np.sqrt(doubts[:, 0] * doubts[:, 1])).tolist()
    corners, sides = places[:, :2], places[:, 2:]
    sizes = sides * np.exp(rows[:, 4:6])
    boxes = np.concatenate((corners + sides * rows[:, 2:4] - sizes / 2, sizes), axis=1)
    kept = cv2.dnn.NMSBoxes(boxes.astype(int).tolist(), scores, threshold, NMS_THRESHOLD, top_k=MOST)
    return [[scores[i], *boxes[i].tolist(), *_landmarks(rows[i], places[i])] for i in kept]


def _landmarks(row: np.ndarray, cell: np.ndarray) -> list[float]:
    x, y, side = cell.tolist()
    return [corner + side * value for corner, value in zip((x, y) * 5, row[6:].tolist(), strict=True)]


@lru_cache
def _least_logit(threshold: float) -> float:
    """Return a logit that both probabilities exceed where their geometric mean reaches the threshold.

    The class is likely nearly everywhere, the presence of a face where there is one.
    """
    least = min(threshold**2, 1 - 1e-6)
    return float(np.log(least / (1 - least))) - 1e-3 if least > 0 else -np.inf
