"""Trains the recipe in one command, for a machine that is there for some minutes: both teachers, then what they teach.

    python -m train.session train packed results --weights imagenet.weights.h5 --seconds 540
    python -m train.session restore results runs

The first takes a pack of faces (`train.pack`), trains in `runs/`, where another call resumes, and leaves in `results`
what `make evaluate` and `make export` need of the pupils: `<run>-<label set>.keras`, the largest of 10 MB, and
`runs.zip`. The second makes runs of these, elsewhere.
"""

import argparse
import io
import shutil
import signal
import sys
import zipfile
from pathlib import Path

import keras
import msgspec
import numpy as np

from edge.app.arguments import whole_number
from edge.base.errors import UserError, exit_on_user_error
from edge.base.files import write_whole
from train import devices, run
from train.config import Config, load_config
from train.fit import fit
from train.pack import unpack

IMAGENET = "imagenet"
RUNS = {"teacher_a": "none", "teacher_b": "none", "edge_matched": IMAGENET, "nano_matched": "runs/edge_matched"}
"""Presets in the order of their training, with their initial weights."""

PUPILS = ("edge_matched", "nano_matched")
"""Runs that are carried away."""

SMOKE_FACES = 8
"""Faces of each class in each split that a smoke test takes."""


def train_recipe(pack: Path, results: Path, weights: str, *, smoke: bool = False) -> None:
    """Train all of `RUNS` one after the other, and collect what there is after each, also when it is stopped.

    Args:
        pack: faces, as `train.pack` packs them.
        results: folder for what is to be carried away.
        weights: of ImageNet, for width 1: a file, or `imagenet` to download them.
        smoke: one epoch of a few faces: do the same commands work here?

    Raises:
        UserError: as `train.fit.fit`.
    """
    data = Path("data/smoke" if smoke else "data/session")
    unpack(pack, data, SMOKE_FACES if smoke else None)
    for name, source in RUNS.items():
        config = _smoke_config(load_config(name)) if smoke else load_config(name)
        try:
            fit(config, data, Path("runs") / name, weights if source == IMAGENET else source)
        finally:
            collect(results)
        keras.backend.clear_session()


def collect(results: Path) -> None:
    """Copy the pupils' best models, and zip the descriptions and histories of all runs that have an epoch."""
    results.mkdir(parents=True, exist_ok=True)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as descriptions:
        for name in RUNS:
            folder = Path("runs") / name
            if not run.load_progress(folder).epochs:
                continue
            for label_set in run.load_run_config(folder).labels if name in PUPILS else ():
                shutil.copy(folder / run.run_model(label_set), results / f"{name}-{label_set}.keras")
            for file in (run.DESCRIPTION, "history.csv"):
                descriptions.write(folder / file, f"{name}/{file}")
            descriptions.writestr(f"{name}/{run.CHECKPOINT}", _history_alone(folder))
    write_whole(results / "runs.zip", archive.getvalue())


def restore(results: Path, runs: Path) -> None:
    """Lay the results of a session out as runs, which can be evaluated and exported, but not resumed.

    Raises:
        UserError: there are no results.
    """
    if not (results / "runs.zip").is_file():
        raise UserError(f"{results}: no results here", "name the folder that 'python -m train.session train' wrote")
    with zipfile.ZipFile(results / "runs.zip") as descriptions:
        descriptions.extractall(runs)
    for model in sorted(results.glob("*.keras")):
        name, _, label_set = model.stem.rpartition("-")
        shutil.copy(model, runs / name / run.run_model(label_set))


def _history_alone(folder: Path) -> bytes:
    """Return a checkpoint without weights, from which nothing resumes, but all progress is read."""
    content = io.BytesIO()
    with np.load(folder / run.CHECKPOINT, allow_pickle=False) as arrays:
        np.savez(content, allow_pickle=False, history=arrays["history"])
    return content.getvalue()


def _smoke_config(config: Config) -> Config:
    stages = tuple(msgspec.structs.replace(stage, epochs=1) for stage in config.stages)
    return msgspec.structs.replace(config, batch_size=8 * config.ghost_batches, stages=stages)


def main() -> int:
    """Train or restore from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train.session", description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    trains = verbs.add_parser("train", help="train the recipe")
    trains.add_argument("pack", type=Path, help="faces, see train/pack.py")
    trains.add_argument("results", type=Path)
    trains.add_argument("--weights", default=IMAGENET, help="a Keras no-top file; default: they are downloaded")
    trains.add_argument("--seconds", type=whole_number(1), help="stop then; the same command resumes")
    trains.add_argument("--smoke", action="store_true", help="one epoch of a few faces, to see whether it works")
    restores = verbs.add_parser("restore", help="make runs of a session's results")
    restores.add_argument("results", type=Path)
    restores.add_argument("runs", type=Path)
    arguments = vars(parser.parse_args())
    if arguments.pop("verb") == "restore":
        restore(**arguments)
        return 0
    return _train_until(arguments.pop("seconds"), arguments)


def _train_until(seconds: int | None, arguments: dict) -> int:
    """Train, at most so long; return the exit status."""
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    signal.alarm(seconds or 0)
    devices.use_all()
    try:
        train_recipe(**arguments)
    except KeyboardInterrupt:
        print("stopped; the finished epochs are kept, the same command resumes", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
