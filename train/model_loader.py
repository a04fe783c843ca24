"""Load models for evaluation: of a training run, a bundle, a `.keras` or a `.tflite` file."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from edge.base.classes import EMOTIONS, MIN_CLASSES
from edge.base.errors import UserError
from edge.base.files import sha256
from edge.base.settings import VARIANTS
from edge.model.bundle import MANIFEST, model_file, read_manifest, read_variant
from edge.model.classifier import EmotionClassifier
from edge.model.manifest import LabelSet
from edge.model.validation import sum_tolerance

if TYPE_CHECKING:
    import keras


def run_model(label_set: str) -> str:
    """Return the file name of a run's model. Not in `train.run`, which needs TensorFlow; a `.tflite` does not."""
    return f"best-{label_set}.keras"


RUN_MODELS = tuple(run_model(label_set) for label_set in get_args(LabelSet))

KERAS_BATCH = 32
"""Images per core: a 224-pixel network fits into a small memory, a 96-pixel one into the cache."""


NAME_A_MODEL = "name a training run, a bundle, a .keras or a .tflite file"


@dataclass(frozen=True)
class LoadedModel:
    """Model of a file.

    Attributes:
        file: its name without folders.
        sha256: of its content, hexadecimal.
        input_size: pixels of the side of the faces it takes.
        predict: uint8 RGB `[n, input_size, input_size, 3]` to float32 `[n, classes]`.
    """

    file: str
    sha256: str
    input_size: int
    predict: Callable[[np.ndarray], np.ndarray]

    def as_dict(self) -> dict[str, Any]:
        return {"file": self.file, "sha256": self.sha256, "input_size": self.input_size}


def predict_keras(model: "keras.Model", images: np.ndarray) -> np.ndarray:
    """Predict with a Keras model batch by batch.

    Args:
        model: of one output.
        images: `[n, size, size, channels]`, as the model takes them.

    Returns:
        float32, in the order of the images, `[n, classes]` for a model that keeps the contract.
    """
    return np.asarray(model.predict(images, KERAS_BATCH, verbose=0), np.float32)


def predict_tflite(content: bytes, images: np.ndarray, threads: int = 2) -> np.ndarray:
    """Predict with a TFLite model that keeps the contract, as the edge does.

    Args:
        content: of a `.tflite` file.
        images: uint8 RGB `[n, size, size, 3]`.
        threads: per inference.

    Returns:
        float32 `[n, classes]`, dequantized.

    Raises:
        UserError: the runtime cannot run it, or its input or output is not the contract's.
    """
    return EmotionClassifier(content, threads).classify(images)


def load_models(path: Path) -> list[LoadedModel]:
    """Load all models at a path: of one file, of a run by label set, or of a bundle by variant.

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
    """Return the model files of a training run, one for each label set."""
    return [folder / name for name in RUN_MODELS if (folder / name).is_file()]


def _open_file(file: Path) -> LoadedModel:
    opener = {".keras": _open_keras, ".tflite": _open_tflite}.get(file.suffix)
    if opener is None:
        raise UserError(f"{file}: neither a .keras nor a .tflite file", NAME_A_MODEL)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})", NAME_A_MODEL) from error
    return opener(file, content)


def _open_bundle(folder: Path) -> list[LoadedModel]:
    manifest = read_manifest(folder)
    present = [variant for variant in VARIANTS if (folder / model_file(variant)).is_file()]
    if not present:
        raise UserError(f"{folder}: the bundle has no model file", "restore them or export again")
    models = [_open_tflite(folder / model_file(v), read_variant(folder, manifest, v)) for v in present]
    if len(sizes := {model.input_size for model in models}) > 1:
        raise UserError(f"{folder}: the variants take faces of {sorted(sizes)} pixels", "export them again")
    return models


def _open_tflite(path: Path, content: bytes) -> LoadedModel:
    try:
        size = EmotionClassifier(content).input_size
    except UserError as error:
        raise UserError(f"{path}: {error.problem}", error.remedy) from error
    return LoadedModel(path.name, sha256(content), size, partial(predict_tflite, content))


def _open_keras(path: Path, content: bytes) -> LoadedModel:
    model = load_keras(path, content)
    size = _input_size(model, path)
    return LoadedModel(path.name, sha256(content), size, partial(predict_keras, model))


def load_keras(path: Path, content: bytes) -> "keras.Model":
    """Load a `.keras` file whose content was read before.

    Raises:
        UserError: it holds none that this version of Keras can read.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow logs its start on stderr
    import keras

    with tempfile.TemporaryDirectory() as folder:
        # A running training may replace the file at any moment; the content that is hashed is loaded.
        copy = Path(folder) / path.name
        copy.write_bytes(content)
        try:
            return keras.saving.load_model(copy, compile=False)
        except Exception as error:  # Keras raises errors of any type
            reason = (str(error).strip() or repr(error)).splitlines()[0].replace(str(copy), path.name)
            raise UserError(f"{path}: not a readable Keras model ({reason})", NAME_A_MODEL) from error


def _input_size(model: "keras.Model", path: Path) -> int:
    """Return the side of the faces that a Keras model takes, pixels; raise UserError if it breaks the contract."""
    # A sequential model that was never built has neither.
    tensors = [*getattr(model, "inputs", ()), *getattr(model, "outputs", ())]
    shapes = [(str(t.dtype), tuple(t.shape)) for t in tensors]
    match shapes:
        case [("uint8", (None, int(height), int(width), 3)), (_, (None, classes))]:
            if height == width and classes >= MIN_CLASSES:
                return height
    found = ", ".join(f"{dtype} {list(shape)}" for dtype, shape in shapes) or "unknown"
    raise UserError(
        f"{path}: input and output are {found}, not uint8 [n, size, size, 3] and [n, classes]",
        "name a model that was made by 'make train'",
    )


def check_classes(path: Path, names: tuple[str, ...]) -> None:
    """Refuse a run or a bundle whose classes are not those of the data; a model file does not name its own.

    Raises:
        UserError: they are others.
    """
    if (path / MANIFEST).is_file():
        known = tuple(read_manifest(path)["classes"])
    elif (description := path / "run.json").is_file():
        known = tuple(json.loads(description.read_text())["config"].get("classes", EMOTIONS))
    else:
        return
    if known != names:
        raise UserError(
            f"{path} has the classes {', '.join(known)}, the data {', '.join(names)}",
            "name the data that it was trained on by DATA=<folder>, or another model",
        )


def check_probabilities(file: str, probabilities: np.ndarray, classes: int) -> np.ndarray:
    """Return the probabilities; refuse those of other classes, logits, and NaN.

    Logits would make calibration meaningless.
    """
    if probabilities.shape[1] != classes:
        raise UserError(
            f"{file} answers {probabilities.shape[1]} classes, the data set has {classes}",
            "name the data set that it was trained on by DATA=<folder>",
        )
    sums = probabilities.sum(axis=1)
    if not (np.abs(sums - 1) < sum_tolerance(probabilities.shape[1])).all() or probabilities.min() < 0:
        worst = probabilities[np.abs(np.nan_to_num(sums, nan=np.inf) - 1).argmax()]
        example = ", ".join(f"{value:.3g}" for value in worst)
        raise UserError(f"{file}: the outputs are not probabilities ({example})", "end it with a softmax")
    return probabilities
