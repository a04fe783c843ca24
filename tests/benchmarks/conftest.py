"""A bundle of two variants, a clip without faces, and results that nobody measured."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.base.harness import distribution
from benchmarks.base.plan import Plan, open_variants
from benchmarks.base.record import SCHEMA_VERSION, Record, new_record
from benchmarks.measure.stages import PARTS, REST_OF_TIME
from benchmarks.targets import check_targets
from edge.base.classes import EMOTIONS
from edge.model.bundle import MANIFEST, model_file
from edge.model.manifest import FORMAT_VERSION
from tests.edge.tiny_model import tiny_model

SIZE, FRAMES = 16, 6


@pytest.fixture(autouse=True)
def _short_look_at_the_machine(monkeypatch):
    """Watch others for a twentieth of a second: each record begins with that."""
    monkeypatch.setattr("benchmarks.base.machine_description.LISTEN", 0.05)


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
def plan(bundle, clip) -> Plan:
    return Plan(open_variants(bundle), clip, 1)


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
def record(plan) -> Record:
    """A run of everything, that reaches every target."""
    record = new_record(plan) | {
        "schema_version": SCHEMA_VERSION,
        "created": "2025-01-02T03:04:05+00:00",
        "machine": dict(MACHINE),
        "states": {
            "before": {"governor": "ondemand", "temperature": 50.0, "slowed": False},
            "after": {"governor": "ondemand", "temperature": 82.4, "slowed": True},
        },
        "settings": {"rounds": 1, "threads": [1, 4], "cores": [1, 2, 4], "clip": "clip.mp4", "split": None},
        "figures": figures(),
    }
    return record | {"targets": check_targets(record)}


MACHINE = {
    **{"board": "A Board", "cpu": "a processor", "architecture": "aarch64", "cores": 4, "usable_cores": 4},
    **{"memory": 8_000_000_000, "os": "an OS", "kernel": "6", "governor": "ondemand", "busy": 0.0},
    **{"python": "3.11", "runtime": "ai-edge-litert 2", "opencv": "5", "numpy": "2"},
}


def one(value: float) -> Record:
    return distribution([value])


def by_variant(**figures) -> list[Record]:
    return [{"variant": variant, **figures} for variant in ("float32", "int8")]


def figures() -> Record:
    shares = dict.fromkeys(PARTS, 0.12) | {REST_OF_TIME: 1 - 0.12 * len(PARTS)}
    accuracy = dict.fromkeys(("ferplus_images", "ferplus_accuracy", "ferplus_macro_f1", "ferplus_difference"))
    pipeline = {"fps": one(160.0), "first_record": one(0.25), "peak": 120_000_000, "runs": []}
    pipeline["stage_p50_ms"] = {"detect": 4.0, "classify": 4.0}
    latency = {"ms": distribution([0.5, 0.7, 0.9]), "faces_per_second": 1428.6, "round_ms": one(0.7)}
    latency |= {"file": 1_000_000, "peak": 50_000_000}
    return {
        "counts": by_variant(
            size=1000, operators={"ADD": 1, "CONV_2D": 2}, operations=3, frame=5000, instructions=None
        ),
        "latency": [{**row, "threads": n} for row in by_variant(**latency) for n in (1, 4)],
        "pipeline": [{**row, "cores": n} for row in by_variant(**pipeline) for n in (1, 2, 4)],
        "stages": [
            {
                "variant": "int8",
                "cores": n,
                "alone": {"decode": 900.0, "detect": 400.0, "classify": 200.0},
                "together": 190.0,
                "of_slowest": 0.95,
                "overhead": 0.1 if n == 1 else None,
                "shares": shares if n == 1 else None,
            }
            for n in (1, 2)
        ],
        "live": [
            {
                **{"variant": "int8", "cores": 2, "answered": 1.0, "age_p99_ms": one(8.0), "cpu": one(0.1)},
            }
        ],
        "face-count": [scaling(n, 1280, 720, 4.0 + n) for n in (1, 8)],
        "frame-size": [scaling(1, 320, 180, 2.0), scaling(1, 1920, 1080, 5.5)],
        "outputs": [
            {"output": name, "cpu": one(0.1 + more), "more": more}
            for name, more in (("none", 0.0), ("--web, nobody looks", 0.01), ("--web, one viewer", 0.1))
        ],
        "peers": [
            {
                **{"name": name, "version": "1", "cores": n, "fps": one(fps), "first": one(0.5)},
                **{"peak": 10**8, "with_faces": 1.0, "peaks": one(1e8)},
            }
            for n in (1, 2)
            for name, fps in (("emotion-edge", 500.0), ("fer", 20.0))
        ],
        "peers-model": [
            {
                **{"name": name, "version": "1", "cores": 1, "ms": distribution([ms, 2 * ms])},
                **{"round_ms": one(ms), "peaks": one(5e7)},
            }
            for name, ms in (("emotion-edge", 1.0), ("fer", 0.5), ("mediapipe", 0.9))
        ],
        "peers-footprint": [
            {"name": name, "version": "1", "size": size, "start": one(0.5)}
            for name, size in (("emotion-edge", 300_000_000), ("fer", 2_400_000_000))
        ],
        "end-to-end": [
            {
                **{"width": 1280, "height": 720, "way": way, "tilt": tilt, "size": size, "faces": 12},
                **{"found": share - tilt / 100, "labelled": share / 2, "false_finds": 0.01},
                **{"right": 0.6, "crop_right": 0.7, "difference": {"estimate": -0.1, "low": -0.2, "high": 0.0}},
            }
            for way in ("live", "image")
            for tilt in (0, 20)
            for size, share in ((16, 0.25), (40, 1.0))
        ],
        "accuracy": by_variant(images=100, accuracy=0.71, macro_f1=0.654321, **accuracy),
        "peers-accuracy": [
            {
                **{"name": name, "version": "1", "images": 100, "accuracy": share, "macro_f1": share, **accuracy},
                "difference": {"estimate": 0.7 - share, "low": low, "high": high},
            }
            for name, share, low, high in (("emotion-edge", 0.7, 0.0, 0.0), ("fer", 0.6, 0.02, 0.18))
        ],
    }


def scaling(faces: int, width: int, height: int, ms: float) -> Record:
    what = {"variant": "int8", "cores": 2, "faces": faces, "width": width, "height": height}
    return what | {"found": 1.0, "ms": one(ms)}
