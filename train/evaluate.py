"""Evaluates a model on a split that its training never saw.

    python -m train.evaluate --model runs/edge --data data/fer2013
    python -m train.evaluate --model models/default --data data/fer2013 --split test

A model is a training run (its best.keras), a bundle (every variant in it), a `.keras` or a `.tflite` file.
It is scored against the folder labels and, where the data set has the crowd's votes (FER+), against their
majority. What is scored is the model's own output, before any calibration temperature.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edge.bundle import MANIFEST, VARIANTS, model_file, read_manifest, read_variant
from edge.classify import EmotionClassifier
from edge.emotions import EMOTIONS
from edge.errors import UserError, exit_on_user_error
from edge.files import whole_file, write_whole
from train.dataset import SPLITS, Split, load_split, read_crowd_majority
from train.metrics import Scores, score

if TYPE_CHECKING:
    import keras

RUN_MODEL = "best.keras"
"""As `train.run` calls it; an import from there would bring TensorFlow, which no `.tflite` needs."""

KERAS_BATCH = 64
"""Images at a time: enough to keep cores busy, and a 224-pixel network still fits into a small memory."""


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on a split.

    Attributes:
        folder: scores against the class of each image's folder.
        crowd: scores against the crowd's majority; None without votes, or where no image has a clear one.
        without_majority: how many images `crowd` leaves out, because the votes are tied, went to none of the
            seven, or are missing; 0 without votes.
    """

    folder: Scores
    crowd: Scores | None
    without_majority: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "folder": self.folder.as_dict(),
            "crowd": self.crowd.as_dict() if self.crowd else None,
            "without_majority": self.without_majority,
        }


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


def evaluate(probabilities: np.ndarray, split: Split, crowd: np.ndarray | None) -> Evaluation:
    """Score a model's answers to a split.

    Args:
        probabilities: float32 `[n, 7]`, in the order of the split's images.
        split: the images' classes.
        crowd: int `[n]`, the crowd's majority or -1, as `read_crowd_majority` gives it; None without votes.
    """
    folder = score(split.classes, probabilities)
    if crowd is None:
        return Evaluation(folder, None, 0)
    clear = crowd >= 0
    scores = score(crowd[clear], probabilities[clear]) if clear.any() else None
    return Evaluation(folder, scores, int((~clear).sum()))


def predict_keras(model: "keras.Model", images: np.ndarray) -> np.ndarray:
    """Probabilities by a Keras model that keeps the contract.

    Args:
        model: uint8 RGB `[n, size, size, 3]` to `[n, 7]`.
        images: uint8 RGB `[n, size, size, 3]`.

    Returns:
        float32 `[n, 7]`.
    """
    return np.asarray(model.predict(images, batch_size=KERAS_BATCH, verbose=0), np.float32)  # pyright: ignore[reportArgumentType]


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
        raise UserError(f"{path}: no such model", _NAME_A_MODEL)
    if (path / MANIFEST).is_file():
        return _open_bundle(path)
    if path.is_dir() and not (path / RUN_MODEL).is_file():
        raise UserError(f"{path}: neither {RUN_MODEL} nor {MANIFEST} in it", _NAME_A_MODEL)
    file = path / RUN_MODEL if path.is_dir() else path
    opener = {".keras": _open_keras, ".tflite": _open_tflite}.get(file.suffix)
    if opener is None:
        raise UserError(f"{file}: neither a .keras nor a .tflite file", _NAME_A_MODEL)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})", _NAME_A_MODEL) from error
    return [opener(file, content)]


def report(title: str, evaluation: Evaluation) -> str:
    """The figures and tables of an evaluation as text."""
    lines = [title, *_table(f"folder labels, {evaluation.folder.images:,} images", evaluation.folder)]
    left_out = f"{evaluation.without_majority:,} without a clear majority left out"
    if evaluation.crowd:
        lines += _table(f"FER+ majority, {evaluation.crowd.images:,} images ({left_out})", evaluation.crowd)
    elif evaluation.without_majority:
        lines.append(f"FER+ majority, 0 images ({left_out})")
    return "\n".join(lines)


def draw_confusion(path: Path, title: str, evaluation: Evaluation) -> None:
    """Draw the confusion matrices to a PNG, a panel for each kind of label.

    Args:
        path: where the picture goes.
        title: what is shown, above the panels.
        evaluation: whose matrices; a cell's colour is its share of the row, its numbers are share and count.
    """
    panels = {"folder labels": evaluation.folder}
    if evaluation.crowd:
        panels["FER+ majority"] = evaluation.crowd
    figure = Figure(figsize=(6.5 * len(panels), 6.5), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, (name, scores) in zip(axes, panels.items(), strict=True):
        _draw_panel(panel, name, scores)
    with whole_file(path) as part:
        figure.savefig(part, dpi=100)


def write_results(folder: Path, name: str, split: Split, results: dict[Candidate, Evaluation]) -> None:
    """Write `evaluation.json` and a picture of each model's confusion.

    Args:
        folder: where the files go; made when it is not there.
        name: the split's name.
        split: what was evaluated on.
        results: by model, in the order of the file.
    """
    for model, evaluation in results.items():
        suffix = f"_{Path(model.file).stem}" if len(results) > 1 else ""
        draw_confusion(folder / f"confusion{suffix}.png", f"{model.file} on {name}", evaluation)
    record = {
        "split": name,
        "fingerprint": split.fingerprint,
        "images": len(split.files),
        "classes": list(EMOTIONS),
        "models": [model.as_dict() | evaluation.as_dict() for model, evaluation in results.items()],
    }
    write_whole(folder / "evaluation.json", json.dumps(record, indent=2) + "\n")


def default_output(model: Path, split: str) -> Path:
    """Where the results go: into the run itself, or to evaluation/<bundle or file>/<split>."""
    if (model / RUN_MODEL).is_file() and not (model / MANIFEST).is_file():
        return model / "evaluation" / split
    name = model.resolve().name if model.is_dir() else model.stem  # resolved, because '.' has no name
    return Path("evaluation") / name / split


_NAME_A_MODEL = "name a training run, a bundle, a .keras or a .tflite file"


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
    model = _load_keras(path, content)
    size = _input_size(model, path)
    return Candidate(path.name, hashlib.sha256(content).hexdigest(), size, partial(predict_keras, model))


def _load_keras(path: Path, content: bytes) -> "keras.Model":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets on stderr
    import keras

    with tempfile.TemporaryDirectory() as folder:
        # A training that goes on may replace the file at any moment; what is hashed is what is loaded.
        copy = Path(folder) / path.name
        copy.write_bytes(content)
        try:
            return keras.saving.load_model(copy, compile=False)  # pyright: ignore[reportReturnType]
        except Exception as error:  # Keras raises whatever the broken part leads to
            reason = (str(error).strip() or repr(error)).splitlines()[0].replace(str(copy), path.name)
            raise UserError(f"{path}: not a readable Keras model ({reason})", _NAME_A_MODEL) from error


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


def _table(name: str, scores: Scores) -> list[str]:
    lines = [
        f"  {name}",
        f"    accuracy {scores.accuracy:.2%}   macro-F1 {scores.macro_f1:.2%}   calibration error "
        f"{scores.calibration_error:.2%}   negative log likelihood {scores.negative_log_likelihood:.3f}",
        f"    {'class':<10}{'precision':>10}{'recall':>10}{'F1':>10}{'support':>10}",
    ]
    rows = zip(EMOTIONS, scores.precision, scores.recall, scores.f1, scores.support, strict=True)
    return lines + [f"    {e:<10}{p:>10.2%}{r:>10.2%}{f:>10.2%}{s:>10,}" for e, p, r, f, s in rows]


def _draw_panel(axes: Axes, name: str, scores: Scores) -> None:
    counts = np.array(scores.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_title(f"{name}: accuracy {scores.accuracy:.2%}, macro-F1 {scores.macro_f1:.2%}", fontsize=11)
    axes.set(xlabel="answered", ylabel="true")
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=45)
    axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
    for (row, column), share in np.ndenumerate(shares):
        text, color = f"{share:.0%}\n{counts[row, column]:,}", "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)


def _check_probabilities(file: str, probabilities: np.ndarray) -> np.ndarray:
    """Pass probabilities on; logits, which would make nonsense of the calibration, and NaN are refused."""
    sums = probabilities.sum(axis=1)
    # Seven outputs in steps of 1/256 may miss one by 7/512, and a little more in coarser steps.
    if not (np.abs(sums - 1) < 0.05).all() or probabilities.min() < 0:
        worst = probabilities[np.abs(np.nan_to_num(sums, nan=np.inf) - 1).argmax()]
        example = ", ".join(f"{value:.3g}" for value in worst)
        raise UserError(f"{file}: the outputs are no probabilities ({example})", "end it in a softmax")
    return probabilities


def _crowd(data: Path, split: Split, votes: str) -> np.ndarray | None:
    """The crowd's majority; None, with a line that says why, where votes are not required."""
    try:
        return read_crowd_majority(data, split.files)
    except UserError as error:
        if votes == "required":
            raise
        print(f"not compared with the FER+ majority: {error.problem}")
        return None


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m train.evaluate", description="Evaluate a model on a split.")
    parser.add_argument("--model", type=Path, required=True, help=_NAME_A_MODEL)
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"), help="default: %(default)s")
    parser.add_argument("--split", choices=SPLITS, default="test", help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="default: RUN/evaluation/SPLIT or evaluation/MODEL/SPLIT")
    parser.add_argument(
        "--votes",
        choices=("required", "auto"),
        default="auto",
        help="must there be FER+ votes; default: %(default)s",
    )
    parser.add_argument("--allow-train", action="store_true", help="evaluate on what was trained on")
    return parser.parse_args()


def main() -> int:
    """Evaluate from the command line: tables on the screen, JSON and pictures in a folder."""
    args = _parse()
    if args.split == "train" and not args.allow_train:
        remedy = "take a split the training never saw, such as test, or add --allow-train"
        raise UserError("the model learned from the split train", remedy)
    candidates = open_candidates(args.model)
    split = load_split(args.data, args.split, candidates[0].input_size, 3)
    crowd = _crowd(args.data, split, args.votes)
    results = {}
    for model in candidates:
        probabilities = _check_probabilities(model.file, model.predict(split.images))
        results[model] = evaluate(probabilities, split, crowd)
        print(report(f"{model.file} on {args.split}", results[model]))
    output = args.output or default_output(args.model, args.split)
    write_results(output, args.split, split, results)
    print(f"written to {output}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
