"""Choice of a bundle's fastest variant on this machine, measured once: `--variant auto`."""

import json
import logging
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from edge.base.board import processor_name
from edge.base.cache import cache_folder
from edge.base.errors import UserError
from edge.base.files import sha256, write_whole
from edge.base.settings import AUTO, VARIANTS, Options
from edge.model.bundle import Bundle, load_bundle, model_file, read_manifest
from edge.model.classifier import EmotionClassifier
from edge.model.interpreter import runtime_version
from edge.model.validation import validate_model

log = logging.getLogger(__name__)

MEASURING_SECONDS = 0.5
"""Seconds of inferences, of all variants in turns."""


def resolve_variant(options: Options) -> Options:
    """Return the options with the fastest variant in the place of `auto`.

    Raises:
        UserError: the bundle is damaged, or no variant of it runs here.
    """
    if options.variant != AUTO:
        return options
    return replace(options, variant=fastest_variant(options.model, options.threads))


def load_chosen(options: Options) -> Bundle:
    """Load the bundle of the options in their variant, or in the fastest one.

    Raises:
        UserError: it is missing or damaged, or no variant of it runs here.
    """
    return load_bundle(options.model, resolve_variant(options).variant)


def fastest_variant(folder: Path, threads: int, clock: Callable[[], float] = time.perf_counter) -> str:
    """Return the fastest variant in a bundle; it is measured once for each machine, runtime and number of threads.

    Raises:
        UserError: as for `resolve_variant`.
    """
    hashes = _hashes(folder)
    if len(hashes) == 1:
        return next(iter(hashes))
    times = _kept(hashes, threads)
    if not times:
        times = _measure(_classifiers(folder, hashes, threads), clock)
        with suppress(UserError, OSError):  # without a cache, it is measured at every start
            write_whole(_times_file(hashes, threads), json.dumps(times))
    fastest = min(times, key=times.__getitem__)
    log.info("%s: the fastest variant is %s", folder, fastest)
    return fastest


def measured_times(folder: Path, threads: int) -> dict[str, float]:
    """Return the kept seconds of an inference by variant, the fastest first; empty where nothing was measured.

    Raises:
        UserError: the bundle is damaged.
    """
    times = _kept(_hashes(folder), threads)
    return {name: times[name] for name in sorted(times, key=times.__getitem__)}


def _hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the variants whose files are there, by name."""
    known = read_manifest(folder)["variants"]
    present = [name for name in VARIANTS if known.get(name) and (folder / model_file(name)).exists()]
    if not present:
        raise UserError(f"{folder}: the bundle holds no model", "restore the files or export it again")
    return {name: known[name]["sha256"] for name in present}


def _kept(hashes: Mapping[str, str], threads: int) -> dict[str, float]:
    with suppress(UserError, OSError, ValueError, TypeError, AttributeError):  # a damaged file is measured anew
        times = json.loads(_times_file(hashes, threads).read_bytes())
        return {name: float(seconds) for name, seconds in times.items() if name in hashes}
    return {}


def _times_file(hashes: Mapping[str, str], threads: int) -> Path:
    """Return the path of the times of these models on this machine."""
    machine = platform.node(), platform.machine(), processor_name()
    key = json.dumps([sorted(hashes.values()), threads, runtime_version(), *machine])
    return cache_folder() / "fastest" / f"{sha256(key.encode())}.json"


def _classifiers(folder: Path, variants: Iterable[str], threads: int) -> dict[str, EmotionClassifier]:
    """Open the variants that this machine's runtime can run."""
    opened: dict[str, EmotionClassifier] = {}
    problems = []
    for variant in variants:
        try:
            bundle = load_bundle(folder, variant)
            validate_model(bundle)
            opened[variant] = EmotionClassifier.from_bundle(bundle, threads)
        except UserError as error:
            log.info("%s", error)
            problems.append(error)
    if not opened:
        raise problems[0]
    return opened


def _measure(classifiers: Mapping[str, EmotionClassifier], clock: Callable[[], float]) -> dict[str, float]:
    """Return the median seconds of an inference by variant, in turns so that a machine that slows down slows all."""
    faces = {name: np.zeros((1, c.input_size, c.input_size, 3), np.uint8) for name, c in classifiers.items()}
    for name, classifier in classifiers.items():
        classifier.classify(faces[name])  # not measured: memory is allocated
    times: dict[str, list[float]] = {name: [] for name in classifiers}
    end = clock() + MEASURING_SECONDS
    while clock() < end or not all(times.values()):
        for name, classifier in classifiers.items():
            started = clock()
            classifier.classify(faces[name])
            times[name].append(clock() - started)
    return {name: median(values) for name, values in times.items()}
