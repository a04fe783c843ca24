"""A bundle of two variants, a clip without faces, and results that nobody measured."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.bars import check_bars
from benchmarks.contenders import open_contenders
from benchmarks.harness import distribution
from benchmarks.latency import Latency
from benchmarks.machine import Machine
from benchmarks.memory import Memory
from benchmarks.pipeline import Pipeline, Run
from benchmarks.results import Results, Settings
from edge.bundle import FORMAT_VERSION, MANIFEST, model_file
from edge.emotions import EMOTIONS
from tests.edge.tiny_model import tiny_model

SIZE, FRAMES = 16, 6


@pytest.fixture
def bundle(tmp_path) -> Path:
    """float32 and int8; the other two are not in it."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    variants = {"int8": tiny_model(SIZE, quantized=True), "float32": tiny_model(SIZE)}
    for variant, content in variants.items():
        (folder / model_file(variant)).write_bytes(content)
    manifest = {
        "format_version": FORMAT_VERSION,
        "name": "tiny",
        "classes": list(EMOTIONS),
        "input_size": SIZE,
        "resolution": 96,
        "face_template": {
            "landmarks": [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]],
            "box": [0.1, 0, 0.8, 1],
        },
        "variants": {v: {"sha256": hashlib.sha256(content).hexdigest()} for v, content in variants.items()},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def clip(tmp_path) -> Path:
    path = tmp_path / "grey.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for _ in range(FRAMES):
        writer.write(np.full((48, 64, 3), 90, np.uint8))
    writer.release()
    return path


@pytest.fixture
def data(tmp_path) -> Path:
    """Two grey faces of each emotion, which the tiny model all calls neutral."""
    root = tmp_path / "data"
    for emotion in range(len(EMOTIONS)):
        folder = root / "test" / str(emotion)
        folder.mkdir(parents=True)
        for i in range(2):
            assert cv2.imwrite(str(folder / f"{i}.png"), np.full((SIZE, SIZE), 90 + i, np.uint8))
    return root


@pytest.fixture
def results(bundle) -> Results:
    variants = ("float32", "int8")
    latency = [
        Latency(variant, threads, distribution([0.5, 0.7, 0.9]), 1428.6, (0.7,))
        for variant in variants
        for threads in (1, 4)
    ]
    stages = {stage: {"p50": 4.0, "p95": 5.0, "p99": 6.0} for stage in ("detect", "classify", "frame age")}
    run = Run(160.0, 200, 180, 0.4, 1.7, 120_000_000, stages)
    pipeline = [
        Pipeline(v, n, distribution([160.0]), distribution([0.4]), run.peak, dict.fromkeys(stages, 4.0), (run,))
        for v in variants
        for n in (1, 2, 4)
    ]
    memory = [
        Memory(v, peak, (peak,)) for v, peak in ((None, 40_000_000), ("float32", 60_000_000), ("int8", 50_000_000))
    ]
    return Results(
        created=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
        machine=machine(),
        settings=Settings(1, (1, 4), (1, 2, 4), "clip.mp4", None, 0.1, 0.4),
        contenders=open_contenders(bundle),
        latency=latency,
        memory=memory,
        accuracy=None,
        pipeline=pipeline,
        bars=check_bars(96, latency, pipeline),
    )


def machine() -> Machine:
    return Machine(
        board="A Board",
        cpu="a processor",
        architecture="aarch64",
        cores=4,
        usable_cores=4,
        memory=8_000_000_000,
        os="an OS",
        kernel="6",
        governor="ondemand",
        busy=0.0,
        python="3.11",
        runtime="ai-edge-litert 2",
        opencv="5",
        numpy="2",
    )
