"""Processor time of a run with each output, beside that of a run without any."""

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import product

from benchmarks.base.edge_run import run_on_camera
from benchmarks.base.harness import distribution, interleave
from benchmarks.base.measurement import Measurement, marked
from benchmarks.base.plan import Plan
from benchmarks.base.process import ROOT, call_command
from edge.base.errors import UserError
from edge.base.listen import free_port
from edge.base.text_table import Column, Row, Rows

WATCHED_SIZE, WATCHED_FPS, WATCHED_SECONDS = (640, 480), 15.0, 12.0
"""Size and rate of the camera, and seconds of one run."""

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a server to listen."""

BROKERS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
"""Search path for mosquitto, which Debian installs into /usr/sbin."""

NONE = "none"

OPTIONS = {
    NONE: [],
    "--jsonl": ["--jsonl", "{folder}/records.jsonl"],
    "--events": ["--events", "{folder}/events.jsonl"],
    "--video": ["--video", "{folder}/video.mp4"],
    "--mqtt": ["--mqtt", "mqtt://127.0.0.1:{port}"],
    "--metrics": ["--metrics", "127.0.0.1:{port}"],
    "--web, nobody looks": ["--web", "127.0.0.1:{port}"],
    "--web, one viewer": ["--web", "127.0.0.1:{port}"],
}


def measure_outputs(plan: Plan) -> list[Row]:
    """Run the edge with each output, interleaved.

    A row has `cpu`, of each run the share of one core that the process took from its start to its end, and `more`, what
    that is beyond the run without outputs, by the medians.
    """
    if shutil.which("mosquitto", path=BROKERS) is None:
        raise UserError("no MQTT broker is installed", "run 'apt install mosquitto'")
    results = interleave("outputs", lambda name: _cpu(name, plan), product(OPTIONS), plan.rounds)
    runs = {name: distribution(loads) for (name,), loads in results.items()}
    return [{"output": name, "cpu": cpu, "more": cpu["p50"] - runs[NONE]["p50"]} for name, cpu in runs.items()]


def _cpu(name: str, plan: Plan) -> float:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        options = [word.format(folder=folder, port=port) for word in OPTIONS[name]]
        if "mqtt" in name:
            stack.enter_context(_started([shutil.which("mosquitto", path=BROKERS) or "", "-p", str(port)]))
            _connected(port).close()
        if "viewer" in name:
            stack.enter_context(_started(call_command(view, port)))
        return run_on_camera(plan, plan.most_cores, WATCHED_SIZE, WATCHED_FPS, WATCHED_SECONDS, *options)[0].load


@contextmanager
def _started(command: list[str]) -> Iterator[None]:
    """Run a process during the block."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def view(port: int) -> None:
    """Receive all pictures and records of the live page until the server is gone; runs in the viewer's process."""

    def take(path: str) -> None:
        with suppress(OSError), _connected(port) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            while connection.recv(1 << 16):
                pass

    for path in ("/stream.mjpg", "/events"):
        threading.Thread(target=take, args=(path,)).start()


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + CONNECT_TIMEOUT
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), CONNECT_TIMEOUT)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _beyond_none(row: Row, rows: Rows) -> str:
    without = next(other for other in rows if other["output"] == NONE)
    return marked(f"{row['more']:+.1%}", without["cpu"], row["cpu"])


OUTPUTS = Measurement(
    "outputs",
    measure_outputs,
    "**Outputs**, on a camera of 640×480 and 15 frames a second",
    (Column("output", "output"), Column("of one core", "cpu.p50", ".1%"), Column("more than without", _beyond_none)),
    {"cpu": -1},
)
