"""Evaluates a model on a split that its training never saw.

    python -m train.evaluate --model runs/edge --data data/fer2013
    python -m train.evaluate --model models/default --data data/fer2013 --split test

A model is a training run (each of its models), a bundle (every variant in it), a `.keras` or a `.tflite` file.
It is scored against the folder labels and, where the data set has the crowd's votes (FER+), against their
majority.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle import MANIFEST
from edge.emotions import EMOTIONS
from edge.errors import UserError, exit_on_user_error
from edge.files import write_whole
from train.candidates import NAME_A_MODEL, Candidate, check_probabilities, open_candidates, run_models
from train.dataset import SPLITS, Split, load_split, read_crowd_majority
from train.metrics import Scores, score
from train.plots import draw_confusion


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

    def kinds(self) -> dict[str, Scores]:
        """The scores by kind of label, in words."""
        crowd = {"FER+ majority": self.crowd} if self.crowd else {}
        return {"folder labels": self.folder, **crowd}

    def as_dict(self) -> dict[str, Any]:
        return {
            "folder": self.folder.as_dict(),
            "crowd": self.crowd.as_dict() if self.crowd else None,
            "without_majority": self.without_majority,
        }


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


def report(title: str, evaluation: Evaluation) -> str:
    """The figures and tables of an evaluation as text."""
    lines = [title, *_table(f"folder labels, {evaluation.folder.images:,} images", evaluation.folder)]
    left_out = f"{evaluation.without_majority:,} without a clear majority left out"
    if evaluation.crowd:
        lines += _table(f"FER+ majority, {evaluation.crowd.images:,} images ({left_out})", evaluation.crowd)
    elif evaluation.without_majority:
        lines.append(f"FER+ majority, 0 images ({left_out})")
    return "\n".join(lines)


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
        draw_confusion(folder / f"confusion{suffix}.png", f"{model.file} on {name}", evaluation.kinds())
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
    if run_models(model) and not (model / MANIFEST).is_file():
        return model / "evaluation" / split
    name = model.resolve().name if model.is_dir() else model.stem  # resolved, because '.' has no name
    return Path("evaluation") / name / split


def _table(name: str, scores: Scores) -> list[str]:
    lines = [
        f"  {name}",
        f"    accuracy {scores.accuracy:.2%}   macro-F1 {scores.macro_f1:.2%}   calibration error "
        f"{scores.calibration_error:.2%}   negative log likelihood {scores.negative_log_likelihood:.3f}",
        f"    {'class':<10}{'precision':>10}{'recall':>10}{'F1':>10}{'support':>10}",
    ]
    rows = zip(EMOTIONS, scores.precision, scores.recall, scores.f1, scores.support, strict=True)
    return lines + [f"    {e:<10}{p:>10.2%}{r:>10.2%}{f:>10.2%}{s:>10,}" for e, p, r, f, s in rows]


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
    parser.add_argument("--model", type=Path, required=True, help=NAME_A_MODEL)
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
        probabilities = check_probabilities(model.file, model.predict(split.images))
        results[model] = evaluate(probabilities, split, crowd)
        print(report(f"{model.file} on {args.split}", results[model]))
    output = args.output or default_output(args.model, args.split)
    write_results(output, args.split, split, results)
    print(f"written to {output}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
