"""Evaluate a model on a split that it was not trained on.

    python -m train.evaluation --model runs/edge --data data/fer2013
    python -m train.evaluation --model models/default --data data/fer2013 --split test
    python -m train.evaluation --model models/default --portraits portraits

A model is a training run (each of its models), a bundle (each of its variants), a `.keras` or a `.tflite` file. It is
scored against the class folders and, where the data set has the votes of FER+, against their majority. On
portraits a bundle's int8 model is evaluated, by gender, age and ethnicity.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.base.errors import UserError, exit_on_user_error
from edge.base.files import write_whole
from edge.base.text_table import table
from edge.model.bundle import MANIFEST, MODEL_CARD, load_bundle, read_card
from edge.model.manifest import LabelSet
from train.dataset import SPLITS, Split, available_labels, load_split, read_ferplus_majority
from train.evaluation.evaluate import LABEL_TITLES, Evaluation, evaluate
from train.evaluation.metrics import Scores
from train.evaluation.portraits.answers import answer, edge_recognizer
from train.evaluation.portraits.figures import summarize
from train.evaluation.portraits.folder import read_people
from train.evaluation.portraits.report import as_dict, as_text, card_section, with_section
from train.model_loader import NAME_A_MODEL, LoadedModel, check_classes, check_probabilities, load_models, run_models
from train.plots import draw_confusion


def report(title: str, evaluation: Evaluation, names: Sequence[str]) -> str:
    """Format the figures and tables of an evaluation."""
    lines = [title]
    for label_set, scores in evaluation.scores.items():
        lines += _table(f"{LABEL_TITLES[label_set]}, {scores.images:,} images", scores, names)
    if evaluation.without_majority:
        lines.append(f"  FER+: {evaluation.without_majority:,} images without a clear majority left out")
    return "\n".join(lines)


def write_results(folder: Path, name: str, split: Split, results: dict[LoadedModel, Evaluation]) -> None:
    """Write `evaluation.json` and a plot of each model's confusion matrix.

    Args:
        folder: of the files; it is made if it does not exist.
        name: the split's name.
        split: the images.
        results: by model, in the order of the file.
    """
    for model, evaluation in results.items():
        suffix = f"_{Path(model.file).stem}" if len(results) > 1 else ""
        panels = {LABEL_TITLES[label_set]: scores for label_set, scores in evaluation.scores.items()}
        draw_confusion(folder / f"confusion{suffix}.png", f"{model.file} on {name}", panels, split.names)
    record = {
        "split": name,
        "fingerprint": split.fingerprint,
        "images": len(split.files),
        "classes": list(split.names),
        "models": [model.as_dict() | evaluation.as_dict() for model, evaluation in results.items()],
    }
    write_whole(folder / "evaluation.json", json.dumps(record, indent=2) + "\n")


def write_card(bundle: Path, section: str) -> None:
    """Write a section about people into the bundle's model card.

    Raises:
        UserError: the bundle has no card, or the card lacks the section.
    """
    write_whole(bundle / MODEL_CARD, with_section(read_card(bundle) or "", section))


def default_output(model: Path, split: str) -> Path:
    """Return the folder of the results: inside the run, or evaluation/<bundle or file>/<split>."""
    if run_models(model) and not (model / MANIFEST).is_file():
        return model / "evaluation" / split
    name = model.resolve().name if model.is_dir() else model.stem  # resolved, because '.' has no name
    return Path("evaluation") / name / split


def _table(name: str, scores: Scores, names: Sequence[str]) -> list[str]:
    lines = [
        f"  {name}",
        f"    accuracy {scores.accuracy:.2%}   macro-F1 {scores.macro_f1:.2%}   calibration error "
        f"{scores.calibration_error:.2%}   negative log likelihood {scores.negative_log_likelihood:.3f}",
    ]
    rows = zip(names, scores.precision, scores.recall, scores.f1, scores.support, strict=True)
    cells = [[e, f"{p:.2%}", f"{r:.2%}", f"{f:.2%}", f"{s:,}"] for e, p, r, f, s in rows]
    drawn = table(["class", "precision", "recall", "F1", "support"], cells)
    return [*lines, *(f"    {line}" for line in drawn.splitlines())]


def _truths(data: Path, split: Split, votes: str) -> dict[LabelSet, np.ndarray]:
    """Read the true classes by label set; say why those of the votes are missing where they are optional."""
    folders: dict[LabelSet, np.ndarray] = {available_labels(data)[-1]: split.classes}
    try:
        return folders | {"ferplus": read_ferplus_majority(data, split.files)}
    except UserError as error:
        if votes == "required":
            raise
        if "fer2013" in folders:
            print(f"not compared with the FER+ majority: {error.problem}")
        return folders


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m train.evaluation", description="Evaluate a model on a split.")
    parser.add_argument("--model", type=Path, required=True, help=NAME_A_MODEL)
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"), help="default: %(default)s")
    parser.add_argument("--split", choices=SPLITS, default="test", help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="default: RUN/evaluation/SPLIT or evaluation/MODEL/SPLIT")
    parser.add_argument(
        "--votes",
        choices=("required", "auto"),
        default="auto",
        help="'required' fails without FER+ votes; default: %(default)s",
    )
    parser.add_argument("--allow-train", action="store_true", help="allow the split train")
    parser.add_argument("--portraits", type=Path, metavar="DIR", help="evaluate a bundle on portraits, not on a split")
    parser.add_argument("--card", action="store_true", help="write the figures of --portraits into the model card")
    return parser.parse_args()


def main() -> int:
    """Evaluate from the command line: tables on the terminal, JSON and plots in a folder."""
    args = _parse()
    return _evaluate_portraits(args) if args.portraits else _evaluate_split(args)


def _evaluate_portraits(args: argparse.Namespace) -> int:
    bundle = load_bundle(args.model)
    people = read_people(args.portraits)
    figures = summarize(people, answer(people, edge_recognizer(args.model)))
    print(as_text(f"{args.model} on {args.portraits}", figures))
    output = args.output or default_output(args.model, "portraits")
    write_whole(output / "portraits.json", json.dumps(as_dict(figures, bundle.identity), indent=2) + "\n")
    print(f"written to {output}")
    if args.card:
        write_card(args.model, card_section(figures, bundle.identity))
    return 0


def _evaluate_split(args: argparse.Namespace) -> int:
    if args.split == "train" and not args.allow_train:
        remedy = "use a split that was not trained on, such as test, or add --allow-train"
        raise UserError("the model learned from the split train", remedy)
    models = load_models(args.model)
    split = load_split(args.data, args.split, models[0].input_size, 3)
    check_classes(args.model, split.names)
    truths = _truths(args.data, split, args.votes)
    results = {}
    for model in models:
        probabilities = check_probabilities(model.file, model.predict(split.images), len(split.names))
        results[model] = evaluate(probabilities, truths)
        print(report(f"{model.file} on {args.split}", results[model], split.names))
    output = args.output or default_output(args.model, args.split)
    write_results(output, args.split, split, results)
    print(f"written to {output}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
