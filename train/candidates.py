"""Opens whatever can be evaluated: a training run, a bundle, a `.keras` or a `.tflite` file."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from edge.bundle import MANIFEST, model_file, read_manifest, read_variant
from edge.classify import EmotionClassifier
from edge.emotions import EMOTIONS
from edge.errors import UserError
from edge.manifest import VARIANTS
from train.config import Labels

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def run_model(kind: str) -> str:
    """File of a run's model by kind of label. Here and not in `train.run`: that needs TensorFlow, a `.tflite` not."""
    return f"best-{kind}.keras"


RUN_MODELS = tuple(run_model(kind) for kind in get_args(Labels))

KERAS_BATCH = 32
"""Images at a time on a core: a 224-pixel network still fits into a small memory, a 96-pixel one into the cache."""


NAME_A_MODEL = "name a training run, a bundle, a .keras or a .tflite file"


@dataclass(frozen=True)
class Candidate:
    """A model file, opened.

    Attributes:
        file: its name without folders.
        sha256: of its content, hexadecimal.
        input_size: pixels of the side of the faces it takes.
        predict: uint8 RGB `[n, input_size, input_size, 3]` to float32 `[n, 7]`.
    """

    file: str
    sha256: str
    input_size: int
    predict: Callable[[np.ndarray], np.ndarray]

    def as_dict(self) -> dict[str, Any]:
        return {"file": self.file, "sha256": self.sha256, "input_size": self.input_size}


def predict_keras(model: "Callable[[tf.Tensor], tf.Tensor]", images: np.ndarray) -> np.ndarray:
    """What a Keras model answers, batch by batch, as many side by side as there are cores.

    Args:
        model: a model or function of a batch of images.
        images: `[n, size, size, channels]`, as the model takes them.

    Returns:
        float32, the batches' answers in the images' order, `[n, 7]` where the model keeps the contract.
    """
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices(images).batch(KERAS_BATCH)
    answers = batches.map(tf.function(model), num_parallel_calls=os.cpu_count())
    return np.concatenate([np.asarray(answer, np.float32) for answer in answers])


def predict_tflite(content: bytes, images: np.ndarray, threads: int = 2) -> np.ndarray:
    """Probabilities by a TFLite model that keeps the contract, as the edge computes them.

    Args:
        content: of a `.tflite` file.
        images: uint8 RGB `[n, size, size, 3]`.
        threads: threads an inference.

    Returns:
        float32 `[n, 7]`, dequantized.

    Raises:
        UserError: the runtime cannot run it, or its input or output is not the contract's.
    """
    return EmotionClassifier(content, threads).classify(images)


def open_candidates(path: Path) -> list[Candidate]:
    """Open what a path names: one model, or all variants of a bundle.

    Args:
        path: a training run, a bundle, a `.keras` or a `.tflite` file.

    Raises:
        UserError: nothing is there, a file cannot be read or was changed, or a model breaks the contract.
    """
    if not path.exists():
        raise UserError(f"{path}: no such model", NAME_A_MODEL)
    if (path / MANIFEST).is_file():
        return _open_bundle(path)
    if not path.is_dir():
        return [_open_file(path)]
    if not (present := run_models(path)):
        raise UserError(f"{path}: neither {' nor '.join(RUN_MODELS)} nor {MANIFEST} in it", NAME_A_MODEL)
    return [_open_file(file) for file in present]


def run_models(folder: Path) -> list[Path]:
    """The models of a training run, one for each kind of label it has finished an epoch for."""
    return [folder / name for name in RUN_MODELS if (folder / name).is_file()]


def _open_file(file: Path) -> Candidate:
    opener = {".keras": _open_keras, ".tflite": _open_tflite}.get(file.suffix)
    if opener is None:
        raise UserError(f"{file}: neither a .keras nor a .tflite file", NAME_A_MODEL)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})", NAME_A_MODEL) from error
    return opener(file, content)


def _open_bundle(folder: Path) -> list[Candidate]:
    manifest = read_manifest(folder)
    present = [variant for variant in VARIANTS if (folder / model_file(variant)).is_file()]
    if not present:
        raise UserError(f"{folder}: the bundle has no model file", "restore them or export again")
    candidates = [_open_tflite(folder / model_file(v), read_variant(folder, manifest, v)) for v in present]
    if len(sizes := {candidate.input_size for candidate in candidates}) > 1:
        raise UserError(f"{folder}: the variants take faces of {sorted(sizes)} pixels", "export them again")
    return candidates


def _open_tflite(path: Path, content: bytes) -> Candidate:
    try:
        size = EmotionClassifier(content).input_size
    except UserError as error:
        raise UserError(f"{path}: {error.problem}", error.remedy) from error
    return Candidate(path.name, hashlib.sha256(content).hexdigest(), size, partial(predict_tflite, content))


def _open_keras(path: Path, content: bytes) -> Candidate:
    model = load_keras(path, content)
    size = _input_size(model, path)
    return Candidate(path.name, hashlib.sha256(content).hexdigest(), size, partial(predict_keras, model))


def load_keras(path: Path, content: bytes) -> "keras.Model":
    """The model in a `.keras` file, whose content was read before.

    Raises:
        UserError: it holds none that this version of Keras can read.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets on stderr
    import keras

    with tempfile.TemporaryDirectory() as folder:
        # A training that goes on may replace the file at any moment; what is hashed is what is loaded.
        copy = Path(folder) / path.name
        copy.write_bytes(content)
        try:
            return keras.saving.load_model(copy, compile=False)
        except Exception as error:  # Keras raises whatever the broken part leads to
            reason = (str(error).strip() or repr(error)).splitlines()[0].replace(str(copy), path.name)
            raise UserError(f"{path}: not a readable Keras model ({reason})", NAME_A_MODEL) from error


def _input_size(model: "keras.Model", path: Path) -> int:
    """Pixels of the side of the faces that a Keras model takes; UserError where it breaks the contract."""
    # A sequential model that was never built has neither.
    tensors = [*getattr(model, "inputs", ()), *getattr(model, "outputs", ())]
    shapes = [(str(t.dtype), tuple(t.shape)) for t in tensors]
    match shapes:
        case [("uint8", (None, int(height), int(width), 3)), (_, (None, classes))]:
            if height == width and classes == len(EMOTIONS):
                return height
    found = ", ".join(f"{dtype} {list(shape)}" for dtype, shape in shapes) or "unknown"
    raise UserError(
        f"{path}: input and output are {found}, not uint8 [n, size, size, 3] and [n, {len(EMOTIONS)}]",
        "name a model that was made by 'make train'",
    )


def check_probabilities(file: str, probabilities: np.ndarray) -> np.ndarray:
    """Pass probabilities on; logits, which would make nonsense of the calibration, and NaN are refused."""
    sums = probabilities.sum(axis=1)
    # Seven outputs in steps of 1/256 may miss one by 7/512, and a little more in coarser steps.
    if not (np.abs(sums - 1) < 0.05).all() or probabilities.min() < 0:
        worst = probabilities[np.abs(np.nan_to_num(sums, nan=np.inf) - 1).argmax()]
        example = ", ".join(f"{value:.3g}" for value in worst)
        raise UserError(f"{file}: the outputs are no probabilities ({example})", "end it in a softmax")
    return probabilities
