"""Processor time of a run with each output, beside that of a run without any.

    python -m benchmarks.measure.outputs PORT

is the viewer of the live page, which takes all pictures and records until the server is gone.
"""

import http.client
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.base import camera
from benchmarks.base.harness import Distribution, distribution, interleave
from benchmarks.base.process import ROOT, run_fresh
from benchmarks.measure.pipeline import edge_command
from edge.base.errors import UserError
from edge.model.bundle import Bundle

SIZE, FPS, SECONDS = (640, 480), 15.0, 12.0
"""Size and rate of the camera, and seconds of one run."""

TIMEOUT = 10.0
"""Seconds to wait for a server to listen."""

NONE = "none"


@dataclass(frozen=True)
class OutputCost:
    """One output.

    Attributes:
        output: the option, and who makes use of it; `none` for the run without.
        cpu: of each run, share of one core that the process took from its start to its end.
        more: share of one core that it takes beyond the run without outputs, by the medians.
    """

    output: str
    cpu: Distribution
    more: float


def measure_outputs(bundle: Bundle, clip: Path, cores: int, rounds: int) -> list[OutputCost]:
    """Run the edge with each output, interleaved.

    Raises:
        UserError: the packages of an output are not installed, or there is no broker for MQTT.
    """
    if shutil.which("mosquitto", path=BROKERS) is None:
        raise UserError("there is no MQTT broker to tell", "run 'apt install mosquitto'")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cases = {name: partial(_cpu, name, bundle, clip, cores, place) for name in (NONE, *OPTIONS)}
        runs = {name: distribution(shares) for name, shares in interleave("outputs", cases, rounds).items()}
    return [OutputCost(name, cpu, cpu.p50 - runs[NONE].p50) for name, cpu in runs.items()]


BROKERS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
"""Search path for mosquitto; Debian installs it into a folder of root's path."""

OPTIONS = {
    "--jsonl": ["--jsonl", "{folder}/records.jsonl"],
    "--events": ["--events", "{folder}/events.jsonl"],
    "--video": ["--video", "{folder}/video.mp4"],
    "--mqtt": ["--mqtt", "mqtt://127.0.0.1:{port}"],
    "--metrics": ["--metrics", "127.0.0.1:{port}"],
    "--web, nobody looks": ["--web", "127.0.0.1:{port}"],
    "--web, one viewer": ["--web", "127.0.0.1:{port}"],
}


def _cpu(name: str, bundle: Bundle, clip: Path, cores: int, folder: Path) -> float:
    port = _free_port()
    options = [word.format(folder=folder, port=port) for word in OPTIONS.get(name, ())]
    command = edge_command("-", bundle.folder, bundle.variant, folder / "summary.json")
    with ExitStack() as stack:
        if "mqtt" in name:
            stack.enter_context(_started(["mosquitto", "-p", str(port)], port))
        if "viewer" in name:
            stack.enter_context(_started([sys.executable, "-m", "benchmarks.measure.outputs", str(port)]))
        usage = run_fresh(
            [*command, *camera.as_options(SIZE, FPS), *options], cores, camera.command(clip, SIZE, FPS, SECONDS)
        )
    return usage.cpu / usage.seconds


@contextmanager
def _started(command: list[str], port: int | None = None) -> Iterator[None]:
    """A process beside the run, once it listens where it is to."""
    program = shutil.which(command[0], path=BROKERS) or command[0]
    silent = subprocess.DEVNULL
    with subprocess.Popen([program, *command[1:]], cwd=ROOT, stdout=silent, stderr=silent) as process:
        try:
            if port is not None:
                _connected(port).close()
            yield
        finally:
            process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), TIMEOUT)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _take_all(port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.sock = _connected(port)
    connection.request("GET", path)
    response = connection.getresponse()
    while response.read1(1 << 16):
        pass


def main() -> int:
    """Run the viewer."""
    threads = [
        threading.Thread(target=_take_all, args=(int(sys.argv[1]), path)) for path in ("/stream.mjpg", "/events")
    ]
    with suppress(OSError, http.client.HTTPException):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
