"""The one module that knows which TFLite runtime this machine has."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edge.errors import UserError

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite")
"""Modules with an `Interpreter`, best first."""


def runtime() -> str:
    """Name of the module that interpreters come from.

    Raises:
        UserError: none is installed.
    """
    return _module().__name__


def open_interpreter(model: bytes, threads: int) -> Any:
    """An interpreter with its tensors allocated.

    Args:
        model: content of a `.tflite` file.
        threads: how many threads one inference may use.

    Raises:
        UserError: no runtime is installed, or this one cannot run the model.
    """
    module = _module()
    try:
        with _no_greeting():
            interpreter = module.Interpreter(model_content=model, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"{module.__name__} cannot run this model ({str(error).splitlines()[0]})",
            "export it again, or take another variant",
        ) from error
    return interpreter


@contextmanager
def _no_greeting() -> Iterator[None]:
    """The runtime greets each interpreter on stderr, past Python, and has no switch for it; errors are exceptions."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _module() -> Any:
    for name in RUNTIMES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise UserError("no TFLite runtime is installed", "run 'pip install ai-edge-litert'")
