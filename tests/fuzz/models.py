"""Damaged models whose hash matches, given to the process that validates them, and used where they are accepted."""

import hashlib
import json
import math
import os
import select
import shutil
import signal
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Self

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge.base.cache import CACHE_VARIABLE
from edge.base.child_process import limit_memory
from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.model.bundle import MANIFEST, load_bundle, model_file
from edge.model.classifier import EmotionClassifier
from edge.model.validation import MAX_VALIDATION_MEMORY_BYTES, check_model_outputs, validate_model
from tests.edge.tiny_model import tiny_model

from .harness import ACCEPTED, BUG, REFUSED, ROOT, Outcome, Worker, serve
from .mutations import damage

BUNDLE = ROOT / "models" / "nano"

TIMEOUT = 10.0
"""Seconds for a model, which has 60 when it is validated for a run."""

WHOLE_WAY = 100
"""Number of models of which one is validated the whole way, in a bundle, by a process that starts anew."""

INDEXES = (-2, -1, 0, 1, 2, 3, 9, 100, 2**31 - 1, -(2**31))
SIDES = (-1, 0, 1, 3, 7, 48, 49, 1000, 65536, 2**31 - 1)
SCALES = (0.0, -1.0, 1e-30, 1e30, math.inf, math.nan, 1 / 256)


class Models:
    """The validation of models."""

    name, share = "models", 0.1

    def __init__(self) -> None:
        nano = (BUNDLE / model_file("int8")).read_bytes()
        self._tiny = [tiny_model(), tiny_model(quantized=True), tiny_model(8)]
        self._seeds = [*self._tiny * 6, nano]
        self._worker, self._given = Worker("tests.fuzz.models", TIMEOUT + 10), 0
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._worker.close()
        self._folder.cleanup()

    def make(self, random: Random) -> bytes:
        content = random.choice(self._seeds)
        if random.random() < 0.7:
            content = _restructured(content, random)
        return damage(content, random, tuple(self._tiny)) if random.random() < 0.4 else content

    def give(self, content: bytes) -> Outcome:
        outcome = self._worker.ask(content)
        self._given += 1
        if self._given % WHOLE_WAY == 0 and outcome.kind != BUG:
            return self._proved(content) or outcome
        return outcome

    def check(self) -> Iterator[str]:
        return iter(())

    def _proved(self, content: bytes) -> Outcome | None:
        """Validate it as a run does; None where it is one line or nothing."""
        folder = Path(self._folder.name) / "bundle"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        manifest = json.loads((BUNDLE / MANIFEST).read_text())
        manifest["variants"]["int8"]["sha256"] = hashlib.sha256(content).hexdigest()
        (folder / MANIFEST).write_text(json.dumps(manifest))
        (folder / model_file("int8")).write_bytes(content)
        before = os.environ.get(CACHE_VARIABLE)
        os.environ[CACHE_VARIABLE] = str(folder / "cache")
        try:
            validate_model(load_bundle(folder))
        except UserError as error:
            return Outcome(BUG, f"several lines: {error}") if "\n" in str(error) else None
        finally:
            os.environ.pop(CACHE_VARIABLE)
            os.environ.update({CACHE_VARIABLE: before} if before is not None else {})
        return None


def _restructured(content: bytes, random: Random) -> bytes:
    """Change values of a model in their places: shapes, types, indexes, scales, constants."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    for _ in range(random.randint(1, 3)):
        random.choice(CHANGES)(model, random.choice(graph.tensors), random.choice(graph.operators), random)
    if random.random() < 0.05:
        graph.operators = random.sample(graph.operators, random.randint(0, len(graph.operators)))
    builder = flatbuffers.Builder(1024)
    try:
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    except (TypeError, ValueError, AttributeError, OverflowError):
        return content  # what cannot be written is no input
    return bytes(builder.Output())


def _shape(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    tensor.shape = [random.choice(SIDES) for _ in range(random.randint(0, 5))]


def _side(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    tensor.shape = _with_another(tensor.shape, SIDES, random)


def _type(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    tensor.type = random.randrange(20)


def _buffer(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    tensor.buffer = random.choice((0, 1, 2, 5, len(model.buffers), 2**32 - 1))


def _inputs(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    if random.random() < 0.3:
        operator.inputs = [random.choice(INDEXES) for _ in range(random.randint(0, 5))]
    else:
        tensors = range(len(model.subgraphs[0].tensors))
        operator.inputs = _with_another(operator.inputs, (*INDEXES, *tensors), random)


def _outputs(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    operator.outputs = _with_another(operator.outputs, (*INDEXES, *range(len(model.subgraphs[0].tensors))), random)


def _code(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    code = random.choice(model.operatorCodes)
    code.builtinCode = random.randrange(210)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)


def _scale(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    scales = [random.choice(SCALES) for _ in range(random.choice((0, 1, 1, 3)))]
    points = [random.choice((-(2**31), -1, 0, 1, 300)) for _ in scales]
    tensor.quantization = schema.QuantizationParametersT(scale=scales, zeroPoint=points)


def _ends(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    graph = model.subgraphs[0]
    graph.inputs = _with_another(graph.inputs, INDEXES, random)
    graph.outputs = _with_another(graph.outputs, INDEXES, random)


def _constant(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    buffer = random.choice(model.buffers)
    if buffer.data is not None and len(buffer.data):
        noise = np.frombuffer(random.randbytes(min(len(buffer.data), 64)), np.uint8)
        buffer.data = np.concatenate([noise, buffer.data[len(noise) :]])[: random.choice((1, 3, None))]


def _option(model: Any, tensor: Any, operator: Any, random: Random) -> None:
    options = operator.builtinOptions
    names = [name for name, value in vars(options).items() if isinstance(value, int | float)] if options else []
    if names:
        setattr(options, random.choice(names), random.choice((0, 1, -1, 3, 127, 10**6)))


CHANGES = (_shape, _side, _type, _buffer, _inputs, _outputs, _code, _scale, _ends, _constant, _option)


def _with_another(values: Any, others: Sequence[int], random: Random) -> list[int]:
    """The values, one of which is another; empty where there are none."""
    changed = [int(value) for value in (() if values is None else values)]
    if changed:
        changed[random.randrange(len(changed))] = random.choice(others)
    return changed


def _tried(content: bytes) -> tuple[str, str]:
    """Validate a model in a separate process, as `edge.model.validation` does, and use it there if it is accepted."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.close(reading)
        _prove_and_use(content, writing)
    os.close(writing)
    said, status = _heard(reading, child)
    os.close(reading)
    accepted = said.startswith(b"+")
    if os.WIFSIGNALED(status):
        died = f"ends its process ({signal.Signals(os.WTERMSIG(status)).name})"
        return (BUG, f"accepted, and then it {died}") if accepted else (REFUSED, died)
    text = said.removeprefix(b"+").decode(errors="replace")
    if "Traceback" in text:
        return BUG, text
    return (ACCEPTED if accepted else REFUSED), text


def _heard(reading: int, child: int) -> tuple[bytes, int]:
    """Return the output and the status of the child; it is killed where that takes too long."""
    said = b""
    while True:
        if not select.select([reading], [], [], TIMEOUT)[0]:
            os.kill(child, signal.SIGKILL)
            break
        if not (part := os.read(reading, 65536)):
            break
        said += part
    return said, os.waitpid(child, 0)[1]


def _prove_and_use(content: bytes, writing: int) -> None:
    """Say `+` once the model is accepted, and what is wrong with it."""
    limit_memory(MAX_VALIDATION_MEMORY_BYTES)
    try:
        classifier = EmotionClassifier(content)
        check_model_outputs(classifier)
        os.write(writing, b"+")
        side, random = classifier.input_size, np.random.default_rng(1)
        faces = [np.full((1, side, side, 3), level, np.uint8) for level in (0, 255)]
        faces.append(random.integers(0, 256, (3, side, side, 3), np.uint8))
        answers = classifier.classify(np.concatenate(faces))
        assert answers.shape == (5, len(EMOTIONS)) and np.isfinite(answers).all(), answers
    except (UserError, MemoryError) as error:
        os.write(writing, str(error).encode())
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        os.write(writing, traceback.format_exc().encode())
    os._exit(0)


if __name__ == "__main__":
    serve(_tried)
