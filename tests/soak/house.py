"""Long run of a house with four cameras, killed in the middle: nothing may grow, and the history must stay whole.

    python -m tests.soak.house [--minutes 60] [--model models/default] [--folder DIR]

Two cameras are clips that begin again, one is an RTSP server, and one is absent. Rules, history, live page, broker and
metrics are on (house.toml); somebody reads the page's records and scrapes the metrics all the while. The run is killed
by SIGKILL at half time and started again.
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from string import Template
from typing import Any

import cv2
import numpy as np

from edge.app.arguments import whole_number
from edge.base.errors import UserError, exit_on_user_error
from edge.base.listen import free_port
from edge.base.settings import DEFAULT_BUNDLE
from edge.outputs.store.database import reading
from tests.soak.soak import MOST_GROWTH, SCENES, Held, moving_scenes

HERE = Path(__file__).parent

FPS = 15
"""Frames a second of each camera."""

SAMPLE_INTERVAL = 10.0
"""Seconds between two samples."""

WORKING = ("hall", "porch", "yard")
"""Cameras that give pictures."""

ALWAYS_A_FACE = ("hall", "yard")
"""The working cameras that show a face at all times."""

MOST_LOST = 1
"""Seconds before the one of the kill whose faces may be missing; the writer may just have had them."""

STOP_SECONDS = 10.0
"""Seconds to wait for the end of a run; it takes longer on a busy machine."""

SAID, SUMMARY = "said.txt", "summary.json"


@dataclass(frozen=True)
class Period:
    """One of the two runs, before the kill and after it."""

    samples: Sequence[Held]

    @property
    def settled(self) -> Held:
        """Memory, threads and files in the second quarter."""
        quarter = len(self.samples) // 4
        return _typical(self.samples[quarter : max(quarter + 1, 2 * quarter)])

    @property
    def at_end(self) -> Held:
        """Memory, threads and files in the last quarter."""
        return _typical(self.samples[-max(1, len(self.samples) // 4) :])

    @property
    def grown(self) -> bool:
        """Return whether anything grew; a connection more or less comes and goes."""
        before, after = self.settled, self.at_end
        more = after.threads - before.threads, after.files - before.files
        return after.memory - before.memory > MOST_GROWTH or max(more) > 1


@dataclass(frozen=True)
class Findings:
    """Findings of a soak.

    Attributes:
        periods: the two runs.
        lost: seconds before the one of the kill whose faces are missing, by camera.
        history: rows and events by camera, of both runs.
        damage: what SQLite says of the file: "ok".
        errors: counts of tolerated errors in the second run.
        status: exit status of the second run.
    """

    periods: Sequence[Period]
    lost: dict[str, int]
    history: dict[str, tuple[int, int]]
    damage: str
    errors: dict[str, int]
    status: int

    @property
    def failures(self) -> list[str]:
        """Return everything that is not as it must be, in words."""
        found = {
            "something grew": any(period.grown for period in self.periods),
            "the history is damaged": self.damage != "ok",
            "the kill lost too much": max(self.lost.values()) > MOST_LOST,
            "a camera has no history": any(camera not in self.history for camera in WORKING),
            "the run did not end well": self.status != 0,
            "there were errors": bool(self.errors),
        }
        return [words for words, failed in found.items() if failed]


def held_by(process: int) -> Held:
    """Return what a process holds; its threads are those of the system, native ones included."""
    proc = Path(f"/proc/{process}")
    pages = int((proc / "statm").read_text().split()[1])
    return Held(pages * os.sysconf("SC_PAGE_SIZE"), len([*(proc / "task").iterdir()]), len([*(proc / "fd").iterdir()]))


def soak(folder: Path, model: Path, seconds: float, tell: Callable[[str], None]) -> Findings:
    """Run the house for so long, half of it before the kill.

    Raises:
        UserError: mosquitto or the RTSP server is missing.
    """
    with ExitStack() as stack:
        ports = {name: free_port() for name in ("broker", "page", "metrics", "rtsp", "absent")}
        write_cameras(folder)
        write_config(folder, model, ports)
        _start_neighbours(folder, ports, stack)
        first = stack.enter_context(house(folder))
        before = watch(first, ports, seconds / 2, tell)
        first.kill()
        first.wait()
        killed = time.time()
        lost = {camera: seconds_lost(folder / "history.db", camera, killed) for camera in ALWAYS_A_FACE}
        tell(f"killed; seconds lost before the present one: {lost}")
        second = stack.enter_context(house(folder))
        after = watch(second, ports, seconds / 2, tell)
        second.send_signal(signal.SIGTERM)
        status = second.wait(STOP_SECONDS)
    history, damage = look_at(folder / "history.db")
    return Findings((before, after), lost, history, damage, _errors(folder / SUMMARY), status)


def write_cameras(folder: Path) -> None:
    """Write the clips and the pictures of the RTSP server."""
    scenes = moving_scenes()
    with_face = scenes[SCENES // 4 :]
    for name, pictures in (("always.avi", with_face + with_face[::-1]), ("sometimes.avi", scenes)):
        height, width = pictures[0].shape[:2]
        writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (width, height))
        for picture in pictures:
            writer.write(picture)
        writer.release()
    (folder / "yard").mkdir()
    for number, picture in enumerate(with_face + with_face[::-1]):
        cv2.imwrite(str(folder / "yard" / f"{number}.jpg"), np.ascontiguousarray(picture))


def write_config(folder: Path, model: Path, ports: dict[str, int]) -> None:
    text = Template((HERE / "house.toml").read_text()).substitute(ports, model=model.absolute())
    (folder / "house.toml").write_text(text)


def _start_neighbours(folder: Path, ports: dict[str, int], stack: ExitStack) -> None:
    """Start the broker and the RTSP server, which the stack ends."""
    broker = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if broker is None:
        raise UserError("mosquitto is missing", "run 'apt install mosquitto'")
    (folder / "mosquitto.conf").write_text(
        f"user root\npersistence false\nlistener {ports['broker']} 127.0.0.1\nallow_anonymous true\n"
    )
    stack.enter_context(_running([broker, "-c", str(folder / "mosquitto.conf")], folder / "mosquitto.txt"))
    server = ["/usr/bin/python3", str(HERE / "rtsp_server.py"), str(ports["rtsp"]), "/yard", str(folder / "yard")]
    rtsp = stack.enter_context(_running(server, folder / "rtsp.txt"))
    with suppress(subprocess.TimeoutExpired):
        rtsp.wait(3)
        packages = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
        raise UserError(
            f"the RTSP server has ended; see {folder / 'rtsp.txt'}",
            f"run 'apt install {packages} gstreamer1.0-plugins-ugly gstreamer1.0-x'",
        )


@contextmanager
def house(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the edge with the house's configuration."""
    command = [sys.executable, "-m", "edge", "run", "--config", "house.toml", "--summary", SUMMARY]
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "XDG_STATE_HOME": str(folder)}
    with _running(command, folder / SAID, cwd=folder, env=environment) as process:
        yield process


@contextmanager
def _running(command: Sequence[str], said: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, whose words go to a file, until the end of the block."""
    with said.open("a") as words:
        process = subprocess.Popen(command, stdout=words, stderr=words, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def watch(
    process: subprocess.Popen[bytes], ports: dict[str, int], seconds: float, tell: Callable[[str], None]
) -> Period:
    """Sample a run, scrape its metrics and read its page's records, for so long.

    Raises:
        UserError: the run has ended.
    """
    samples = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _read_records(ports["page"], min(SAMPLE_INTERVAL, max(1.0, end - time.monotonic())))
        if process.poll() is not None:
            raise UserError(f"the run has ended with status {process.returncode}", f"see {SAID}")
        answered = _frames_answered(ports["metrics"])
        samples.append(held_by(process.pid))
        tell(f"{_words(samples[-1])}, {answered:,} frames")
    return Period(samples)


def _read_records(page: int, seconds: float) -> None:
    """Read the page's records for so long, as a browser does; while the page is not there, only wait."""
    end = time.monotonic() + seconds
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{page}/events?camera=hall", timeout=5) as answer:
        while time.monotonic() < end and answer.readline():
            pass
    time.sleep(max(0.0, end - time.monotonic()))


def _frames_answered(metrics: int) -> int:
    """Return the frames of all cameras, by the metrics; 0 while these are not there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("emotion_edge_frames_answered_total")))


def seconds_lost(history: Path, camera: str, killed: float) -> int:
    """Return how many seconds before that of the kill have no face, of a camera that always shows one."""
    with reading(history) as connection:
        [(newest,)] = connection.execute("SELECT max(second) FROM faces WHERE camera = ?", (camera,))
    return int(killed) - 1 - int(newest) if newest is not None else int(killed)


def look_at(history: Path) -> tuple[dict[str, tuple[int, int]], str]:
    """Return the rows and events of each camera, and what SQLite's check of the whole file says."""
    with closing(sqlite3.connect(history)) as connection:
        rows = dict(connection.execute("SELECT camera, count(*) FROM faces GROUP BY camera"))
        events = dict(connection.execute("SELECT camera, count(*) FROM events GROUP BY camera"))
        [(damage,)] = connection.execute("PRAGMA integrity_check(1)")
    return {camera: (count, events.get(camera, 0)) for camera, count in rows.items()}, damage


def _errors(summary: Path) -> dict[str, int]:
    """Return the counts of tolerated errors of the run and of its cameras."""
    found: dict[str, Any] = json.loads(summary.read_text())
    parts = [found, *found["cameras"].values()]
    counts = [(name, count) for part in parts for name, count in part.get("counts", {}).items()]
    return {name: count for name, count in counts if name.startswith("errors.") and count}


def _typical(samples: Sequence[Held]) -> Held:
    return Held(*(int(median(values)) for values in zip(*map(_values, samples), strict=True)))


def _values(held: Held) -> tuple[int, int, int]:
    return held.memory, held.threads, held.files


def _words(held: Held) -> str:
    return f"{held.memory / 1e6:.1f} MB, {held.threads} threads, {held.files} files"


def report(findings: Findings) -> str:
    """The soak in lines for the terminal."""
    lines = []
    for title, period in zip(("before the kill", "after it"), findings.periods, strict=True):
        most = max(sample.memory for sample in period.samples)
        lines.append(
            f"{title}: {_words(period.settled)} in the second quarter, {_words(period.at_end)} in the last;"
            f" at most {most / 1e6:.1f} MB in {len(period.samples)} samples"
        )
    lines += [f"{camera}: {rows:,} rows, {events:,} events" for camera, (rows, events) in findings.history.items()]
    lines.append(f"history: {findings.damage}; seconds lost by the kill before the present one: {findings.lost}")
    lines.append(f"errors: {findings.errors or 'none'}; exit status {findings.status}")
    lines.append("; ".join(findings.failures) or "nothing grew, nothing was lost")
    return "\n".join(lines)


def main() -> int:
    """Entry point; returns 0 where all is as it must be, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.house", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=DEFAULT_BUNDLE, help="default: %(default)s")
    parser.add_argument("--minutes", type=whole_number(1), default=60, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, help="empty folder for what the run writes; else it is removed")
    arguments = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        raise UserError("this machine does not tell what a process holds", "run it on Linux")
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        tell = partial(print, flush=True)
        findings = soak(folder.absolute(), arguments.model, 60.0 * arguments.minutes, tell)
    print(report(findings))
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
