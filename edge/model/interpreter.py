"""Choice of the TFLite runtime, which no other module knows."""

import importlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from edge.base.errors import UserError

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite")
"""Modules with an `Interpreter`, best first."""

_GREETED = threading.Event()
_GREETING = threading.Lock()


def runtime() -> str:
    """Return the name of the module that provides interpreters.

    Raises:
        UserError: none is installed.
    """
    return find_runtime().__name__


def runtime_version() -> str:
    """Return name and version of the package that provides interpreters.

    Raises:
        UserError: none is installed.
    """
    package = importlib.import_module(runtime().split(".")[0])
    return f"{package.__name__}-{package.__version__}"


def open_interpreter(model: bytes, threads: int, shape: Sequence[int] = ()) -> Any:
    """Return an interpreter with allocated tensors.

    Args:
        model: content of a `.tflite` file.
        threads: threads of one inference.
        shape: shape of its input, if it differs from the file's.

    Raises:
        UserError: no runtime is installed, or this one cannot run the model.
    """
    make = partial(_make, find_runtime(), model, threads, shape)
    if _GREETED.is_set():
        return make()
    with _GREETING:
        return make() if _GREETED.is_set() else _mute_greeting(make)


def _make(module: Any, model: bytes, threads: int, shape: Sequence[int]) -> Any:
    try:
        interpreter = module.Interpreter(model_content=model, num_threads=threads)
        if shape:
            interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"{module.__name__} cannot run this model ({first_line(error)})",
            "export it again, or use another variant",
        ) from error
    return interpreter


def first_line(error: Exception) -> str:
    """Return the first line of an error's text; its type where there is no text."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _mute_greeting(make: Callable[[], Any]) -> Any:
    """Make the first interpreter with stderr muted, because the runtime prints a greeting once per process.

    Errors are exceptions and are not lost. This runs on a thread of its own, because an exception of a signal handler,
    which is raised in the main thread, could leave stderr muted.
    """
    with ThreadPoolExecutor(1, "first interpreter") as thread:
        return thread.submit(_muted, make).result()


def _muted(make: Callable[[], Any]) -> Any:
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        made = make()
        _GREETED.set()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    return made


def find_runtime() -> Any:
    """Import the first TFLite runtime that is installed.

    Raises:
        UserError: none is.
    """
    for name in RUNTIMES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise UserError("no TFLite runtime is installed", "run 'pip install ai-edge-litert'")
