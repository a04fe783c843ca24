"""MobileNetV2 cut off after its third block: every kind of block, in a third of the time to build and to trace.

python -m tests.train.small_network SIGNAL EPOCH ARGUMENTS

runs as `python -m train.fit ARGUMENTS`, and sends itself the signal in an epoch, after its last step.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from edge.base.errors import exit_on_user_error

PLAN = ((1, 16, 1, 1), (6, 24, 2, 2))
"""A block without expansion, one of stride 2, and one that is added to its input."""


@contextmanager
def small_network() -> Iterator[None]:
    """Build small networks instead of whole ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.mobilenet.PLAN", PLAN)
        yield


def main() -> int:
    """Train, and send the signal."""
    from train import fit
    from train.trainer import Trainer

    number, epoch = signal.Signals[sys.argv.pop(1)], int(sys.argv.pop(1))
    epochs, validate = count(1), Trainer.validate

    def interrupted(self, validation):
        if next(epochs) == epoch:
            os.kill(os.getpid(), number)
        return validate(self, validation)

    with pytest.MonkeyPatch.context() as patch, small_network():
        patch.setattr(Trainer, "validate", interrupted)
        return fit.main()


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
