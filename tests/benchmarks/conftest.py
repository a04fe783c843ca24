"""A bundle of two variants, a clip without faces, and results that nobody measured."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.base.bootstrap import Interval
from benchmarks.base.harness import distribution
from benchmarks.base.machine import Machine
from benchmarks.base.record import SCHEMA_VERSION, Record, as_plain, new_record
from benchmarks.base.variants import open_variants
from benchmarks.measure.accuracy import Accuracy
from benchmarks.measure.counts import Counts
from benchmarks.measure.face_size import FaceSize
from benchmarks.measure.latency import Latency
from benchmarks.measure.live import Live
from benchmarks.measure.memory import Memory
from benchmarks.measure.operators import Layer, Profile
from benchmarks.measure.outputs import OutputCost
from benchmarks.measure.pipeline import Pipeline, Run
from benchmarks.measure.scaling import Scaling
from benchmarks.measure.stages import PARTS, REST, Stages
from benchmarks.measure.training import Training
from benchmarks.peers.accuracy import PeerAccuracy
from benchmarks.peers.clip import Peer
from benchmarks.peers.footprint import Footprint
from benchmarks.peers.model import ModelAlone
from benchmarks.report.targets import check_targets
from edge.base.classes import EMOTIONS
from edge.model.bundle import MANIFEST, model_file
from edge.model.manifest import FORMAT_VERSION
from tests.edge.tiny_model import tiny_model

SIZE, FRAMES = 16, 6


@pytest.fixture(autouse=True)
def _short_look_at_the_machine(monkeypatch):
    """Watch others for a twentieth of a second: each record begins with that."""
    monkeypatch.setattr("benchmarks.base.machine.LISTEN", 0.05)


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
        "labels": "ferplus",
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
    return write_clip(tmp_path / "grey.avi", FRAMES)


def write_clip(path: Path, frames: int) -> Path:
    """A grey video of 25 frames a second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for _ in range(frames):
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
def record(bundle) -> Record:
    """A run of everything, that reaches every target."""
    record = {
        "schema_version": SCHEMA_VERSION,
        "created": "2025-01-02T03:04:05+00:00",
        "machine": machine(),
        "states": {
            "before": {"governor": "ondemand", "temperature": 50.0, "slowed": False},
            "after": {"governor": "ondemand", "temperature": 82.4, "slowed": True},
        },
        "settings": {"rounds": 1, "threads": (1, 4), "cores": (1, 2, 4), "clip": "clip.mp4", "split": None},
        "bundle": new_record(open_variants(bundle), {})["bundle"],
        "figures": figures(),
        "missing": {},
    }
    plain: Record = as_plain(record)
    return plain | {"targets": as_plain(check_targets(plain))}


def figures() -> Record:
    once = distribution([0.5])
    stages = {stage: {"p50": 4.0, "p95": 5.0, "p99": 6.0} for stage in ("detect", "classify", "frame age")}
    run = Run(160.0, 200, 180, 0.4, 1.7, 120_000_000, stages)
    medians, variants = dict.fromkeys(stages, 4.0), ("float32", "int8")
    shares = dict.fromkeys(PARTS, 0.12) | {REST: 1 - 0.12 * len(PARTS)}
    return {
        "counts": [Counts(v, 1000, {"ADD": 1, "CONV_2D": 2}, 3, 5000, None) for v in variants],
        "operators": [
            Profile(
                v,
                distribution([1.5 * ms]),
                ms,
                (*layers(0.9 * ms), Layer("Add (ND)", "", "Add (ND)", (), (), 0, 0.1 * ms)),
            )
            for v, ms in (("float32", 2.0), ("int8", 1.0))
        ],
        "latency": [
            Latency(v, n, distribution([0.5, 0.7, 0.9]), 1428.6, distribution([0.7])) for v in variants for n in (1, 4)
        ],
        "memory": [
            Memory(v, file, peak, (peak,))
            for v, file, peak in ((None, None, 40_000_000), ("float32", 3000, 60_000_000), ("int8", 1000, 50_000_000))
        ],
        "pipeline": [
            Pipeline(v, n, distribution([160.0]), distribution([0.4]), run.peak, medians, (run,))
            for v in variants
            for n in (1, 2, 4)
        ],
        "stages": [
            Stages(
                "int8",
                n,
                {"decode": 900.0, "detect": 400.0, "classify": 200.0},
                190.0,
                0.95,
                0.1 if n == 1 else None,
                shares if n == 1 else None,
            )
            for n in (1, 2)
        ],
        "live": [
            Live("int8", 2, 30.0, 1.0, distribution([20.0]), distribution([0.2]), (0.0, 0.1, 0.2), (9.0, 20.0, 8.0))
        ],
        "face-count": [Scaling("int8", 2, n, 1280, 720, 1.0, distribution([4.0 + n])) for n in (1, 8)],
        "frame-size": [
            Scaling("int8", 2, 1, *size, 1.0, distribution([ms]))
            for size, ms in (((320, 180), 2.0), ((1920, 1080), 5.5))
        ],
        "face-sizes": [
            FaceSize(1280, 720, way, tilt, size, 12, share - tilt / 100, 0.2 if share else None, 0.01)
            for way, shares in (("live", (0.25, 1.0)), ("recording", (0.2, 1.0)))
            for tilt in (0, 20)
            for size, share in zip((16, 40), shares, strict=True)
        ],
        "outputs": [
            OutputCost(name, distribution([0.1 + more]), more)
            for name, more in (("none", 0.0), ("--web, nobody looks", 0.01), ("--web, one viewer", 0.1))
        ],
        "peers": [
            Peer(name, "1", n, distribution([fps]), once, 10**8, 1.0, distribution([1e8]))
            for n in (1, 2)
            for name, fps in (("emotion-edge", 300.0), ("fer", 20.0))
        ],
        "peers-model": [
            ModelAlone(name, "1", 1, distribution([ms, 2 * ms]), distribution([ms]), distribution([5e7]))
            for name, ms in (("emotion-edge", 1.0), ("fer", 0.5), ("mediapipe", 0.9))
        ],
        "peers-footprint": [
            Footprint(name, "1", size, once) for name, size in (("emotion-edge", 300_000_000), ("fer", 2_400_000_000))
        ],
        "peers-accuracy": [
            PeerAccuracy(name, "1", 100, share, share, None, None, None, Interval(0.7 - share, low, high), None)
            for name, share, low, high in (("emotion-edge", 0.7, 0.0, 0.0), ("fer", 0.6, 0.02, 0.18))
        ],
        "training": [
            Training(preset, 64, 128, distribution([200.0]), distribution([fed]), fed / 200, once, seconds)
            for preset, fed, seconds in (("edge", 196.0, {"ferplus": 600.0, "fer2013": None}), ("nano", 192.0, None))
        ],
        "accuracy": [Accuracy(v, 100, 0.71, 0.654321, None, None, None) for v in variants],
    }


def layers(ms: float) -> list[Layer]:
    """Two convolutions that take so long together."""
    kernel, sizes = "Convolution (NHWC, F32) IGEMM", ((1, 96, 96, 3), (1, 48, 48, 8))
    return [Layer("conv_2d 3×3", name, kernel, *sizes, 497_664, ms * part) for name, part in (("a", 0.75), ("b", 0.25))]


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
