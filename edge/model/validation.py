"""Check a model in a separate process, because a damaged or hostile model can crash the process that runs it.

The process runs this module: it reads the model from standard input and writes a reason for refusal to standard output.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from edge.base.cache import cache_folder
from edge.base.child_process import child_environment, limit_memory
from edge.base.errors import UserError
from edge.base.files import write_whole
from edge.model.bundle import Bundle
from edge.model.classifier import EmotionClassifier
from edge.model.interpreter import runtime_version

ANSWER_TIMEOUT = 60.0
"""Time-out of the process, seconds."""

MAX_VALIDATION_MEMORY_BYTES = 2 << 30
"""Memory limit of the process, bytes."""

SUM_TOLERANCE = 0.04
"""Tolerance of the sum of the probabilities, in addition to half a step of 1/256 for each class of an int8 model."""

COMMAND = (sys.executable, "-m", "edge.model.validation")
"""Command line of the process."""

EXPORT_AGAIN = "restore the bundle or export it again"


def validate_model(bundle: Bundle, command: Sequence[str] = COMMAND) -> None:
    """Check that a bundle's model gives probabilities, once for each model and runtime; the cache keeps a mark.

    Raises:
        UserError: it gives no outputs, they are not probabilities, or it ends the process that runs it.
    """
    marker = _marker(bundle)
    if marker and marker.is_file():
        return
    if reason := _refusal(bundle.model, command):
        raise UserError(f"{bundle.folder}, {bundle.variant}: {reason}", EXPORT_AGAIN)
    if marker:
        with suppress(UserError, OSError):  # without the mark, it is checked again at the next start
            write_whole(marker, b"")


def check_model_outputs(classifier: EmotionClassifier) -> None:
    """Classify a black, a grey and a white face, and one of noise.

    Raises:
        UserError: the outputs are not probabilities.
    """
    side = classifier.input_size
    noise = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
    plain = [np.full_like(noise, level) for level in (0, 127, 255)]
    outputs = classifier.classify(np.concatenate([*plain, noise]))
    if not (np.isfinite(outputs).all() and (np.abs(outputs.sum(axis=1) - 1) < sum_tolerance(classifier.classes)).all()):
        raise UserError("its outputs are not probabilities", EXPORT_AGAIN)


def sum_tolerance(classes: int) -> float:
    """Return by how much the sum of so many probabilities may differ from one."""
    return SUM_TOLERANCE + classes / 512


def _marker(bundle: Bundle) -> Path | None:
    """Return the path of the mark for this model and runtime; None where there is no cache."""
    with suppress(UserError):
        return cache_folder() / "validated" / f"{bundle.sha256}-{runtime_version()}"
    return None


def _refusal(model: bytes, command: Sequence[str]) -> str:
    """Run the process; return the reason to refuse the model, or an empty text."""
    try:
        done = subprocess.run(
            command,
            input=model,
            env=child_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the libraries' own messages about the model
            timeout=ANSWER_TIMEOUT,
            start_new_session=True,  # Ctrl-C is for the one who started it
        )
    except subprocess.TimeoutExpired:
        return f"the model has not answered within {ANSWER_TIMEOUT:.0f} s"
    except OSError as error:
        return f"the model cannot be validated in a separate process ({error.strerror})"
    if done.returncode < 0:
        return f"the model ends the process that runs it ({signal.Signals(-done.returncode).name})"
    if done.returncode:
        return done.stdout.decode(errors="replace").strip() or f"the model fails with status {done.returncode}"
    return ""


def main() -> int:
    """Check the model on standard input; return 0, or 1 with the reason on standard output."""
    limit_memory(MAX_VALIDATION_MEMORY_BYTES)
    try:
        check_model_outputs(EmotionClassifier(sys.stdin.buffer.read()))
    except UserError as error:
        sys.stdout.write(error.problem)
        return 1
    except MemoryError:
        sys.stdout.write(f"the model takes more than {MAX_VALIDATION_MEMORY_BYTES >> 30} GB")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
