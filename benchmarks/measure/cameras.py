"""Processor time and memory of several cameras in one process, beside a process for each."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice, product
from pathlib import Path

import cv2
import numpy as np

from benchmarks.base.edge_run import edge_command
from benchmarks.base.harness import distribution, interleave
from benchmarks.base.measurement import Measurement
from benchmarks.base.plan import Plan
from benchmarks.base.process import Usage, run_fresh
from edge.base.ffmpeg import av
from edge.base.text_table import Column, Row, Rows, Value
from edge.sources import open_source

MEASURED_CAMERAS = 4
CAMERA_SIZE, CAMERA_FPS = (640, 480), 15
SHORT_SECONDS, LONG_SECONDS = 3.0, 23.0
"""Lengths of two clips: the time of the short one is that of starting, and is taken from that of the long one."""

ONE, EACH = "one process", f"{MEASURED_CAMERAS} processes"


def measure_cameras(plan: Plan) -> list[Row]:
    """Run the cameras together and apart, interleaved; each plays the clip in real time.

    A row has, of all processes together, `cpu`, seconds of processor time in a second of recognition; `start`, seconds
    until then; `memory`, peak bytes; and `age`, the highest 99th percentile of a camera's frame age, ms.
    """
    with tempfile.TemporaryDirectory() as folder:
        clips = {seconds: _clips(plan.clip, Path(folder), seconds) for seconds in (SHORT_SECONDS, LONG_SECONDS)}
        found = interleave(
            "cameras", lambda run, seconds: _run(plan, run, clips[seconds]), product((ONE, EACH), clips), plan.rounds
        )
    return [_row(run, found[run, SHORT_SECONDS], found[run, LONG_SECONDS]) for run in (ONE, EACH)]


def _row(run: str, short: Sequence[Row], long: Sequence[Row]) -> Row:
    seconds = LONG_SECONDS - SHORT_SECONDS
    pairs = list(zip(short, long, strict=True))
    return {
        "run": run,
        "cpu": distribution([(after["cpu"] - before["cpu"]) / seconds for before, after in pairs]),
        "start": distribution([before["cpu"] for before, _ in pairs]),
        "memory": distribution([after["memory"] for _, after in pairs]),
        "age": distribution([after["age"] for _, after in pairs]),
    }


def _run(plan: Plan, run: str, clips: Sequence[Path]) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        jobs = [clips] if run == ONE else [[clip] for clip in clips]
        with ThreadPoolExecutor(len(jobs)) as pool:
            done = list(pool.map(lambda job: _edge(plan, job, Path(folder)), jobs))
    usages = [usage for usage, _ in done]
    return {
        "cpu": sum(usage.cpu for usage in usages),
        "memory": sum(usage.peak for usage in usages),
        "age": max(age for _, ages in done for age in ages),
    }


def _edge(plan: Plan, clips: Sequence[Path], folder: Path) -> tuple[Usage, list[float]]:
    """Run the edge on clips in one process; return its usage and the 99th percentiles of the frame ages."""
    config, summary = (folder / f"{clips[0].stem}.{suffix}" for suffix in ("toml", "json"))
    tables = [f"[[camera]]\nname = {json.dumps(clip.stem)}\nsource = {json.dumps(str(clip))}\n" for clip in clips]
    config.write_text("\n".join(tables))
    command = edge_command("auto", plan.shipping, "--config", str(config), "--summary", str(summary))
    usage = run_fresh(command, plan.most_cores)
    cameras = json.loads(summary.read_text())["cameras"]
    return usage, [camera["ms"]["frame age"]["p99"] for camera in cameras.values()]


def _clips(clip: Path, folder: Path, seconds: float) -> list[Path]:
    """Write a clip of this length in the cameras' size and rate; return a path of it for each camera."""
    first = folder / f"camera-{seconds:.0f}-0.mp4"
    with av.open(str(first), "w") as file:
        stream = file.add_stream("libx264", rate=CAMERA_FPS, options={"preset": "veryfast"})
        stream.width, stream.height = CAMERA_SIZE
        for image in islice(_images(clip), round(seconds * CAMERA_FPS)):
            small = np.asarray(cv2.resize(image, CAMERA_SIZE), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(small, "bgr24")))
        file.mux(stream.encode())
    others = [folder / f"camera-{seconds:.0f}-{number}.mp4" for number in range(1, MEASURED_CAMERAS)]
    for other in others:
        other.symlink_to(first)
    return [first, *others]


def _images(clip: Path) -> Iterator[np.ndarray]:
    while True:
        with closing(open_source(str(clip))) as source:
            yield from (frame.image for frame in iter(source.read, None))


def _share(key: str) -> Value:
    def value(row: Row, rows: Rows) -> str:
        apart = next(other for other in rows if other["run"] == EACH)
        return f"{row[key]['p50'] / apart[key]['p50']:.0%}"

    return value


SEVERAL_CAMERAS = Measurement(
    "cameras",
    measure_cameras,
    f"**{MEASURED_CAMERAS} cameras** of 640×480 and {CAMERA_FPS} frames a second, in one process and in a process each",
    (
        Column("run", "run"),
        Column("of one core", "cpu.p50", ".1%"),
        Column("of apart", _share("cpu")),
        Column("processor time until the first frames, s", "start.p50", ".1f"),
        Column("memory, MB", "memory.p50", ".0f", 1e-6),
        Column("of apart", _share("memory")),
        Column("frame age p99, ms", "age.p50", ".1f"),
    ),
    {"cpu": -1, "start": -1, "memory": -1, "age": -1},
)
