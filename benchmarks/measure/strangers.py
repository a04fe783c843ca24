"""Measures what strangers on the network cost a run: frames a second, processor time, memory, lines in the log.

    python -m benchmarks.measure.strangers [--seconds 8]

A run on the demo's clip, as fast as it can, serves the live page and metrics on loopback, with at most 1024 file
descriptors. Each attack is measured beside the quiet seconds before it. Where other programs keep the machine busy,
frames a second say little; the share of a core that an attack costs the run's process says more.
"""

import argparse
import contextlib
import http.client
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge.app.demo import demo_clip

FILES = 1024
"""File descriptors that the run may have."""

WARM_UP = 3.0
"""Seconds from the first frame until figures are taken."""

TICKS = os.sysconf("SC_CLK_TCK")
HEAD = b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"

Attack = Callable[[int, threading.Event], None]
"""Attacks a port until told to stop."""


def silent(count: int) -> Attack:
    """So many connections that say nothing, each opened again when it was closed."""

    def attack(port: int, stop: threading.Event) -> None:
        with ExitStack() as stack:
            while not stop.is_set():
                for _ in range(count):
                    if stop.is_set():
                        return
                    connection = stack.enter_context(closing(socket.socket()))
                    connection.setblocking(False)
                    with suppress(OSError):
                        connection.connect_ex(("127.0.0.1", port))
                stop.wait(0.5)
                stack.close()

    return attack


def crumbs(port: int, stop: threading.Event) -> None:
    """Four clients send bodies in chunks of one byte, and come back when they are thrown out."""

    def client() -> None:
        while not stop.is_set():
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 5)) as connection:
                connection.sendall(HEAD)
                while not stop.is_set():
                    connection.sendall(b"1\r\nx\r\n" * 200)

    _together([client] * 4)


def hammer(port: int, stop: threading.Event) -> None:
    """One client asks for the metrics, again and again."""
    while not stop.is_set():
        with (
            suppress(OSError, http.client.HTTPException),
            closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection,
        ):
            while not stop.is_set():
                connection.request("GET", "/metrics")
                connection.getresponse().read()


ATTACKS: dict[str, tuple[str, bool, Attack]] = {
    "1,300 silent connections, TLS": ("page", True, silent(1300)),
    "10,400 silent connections": ("page", False, silent(10_400)),
    "4 clients send chunks of one byte": ("page", False, crumbs),
    "1 client asks for the metrics": ("metrics", False, hammer),
}
"""Attacks by name: the port, whether the page has TLS, and the attack."""


def _together(functions: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@dataclass(frozen=True)
class Cost:
    """Frames, processor time and memory of a run in some seconds.

    Attributes:
        fps: frames a second.
        cpu: seconds of processor time in each.
        memory: most resident megabytes until the end.
    """

    fps: float
    cpu: float
    memory: float

    def beyond(self, quiet: "Cost") -> float:
        """Seconds of processor time in each beyond those that its frames take in quiet."""
        return self.cpu - self.fps * quiet.cpu / max(quiet.fps, 1e-9)


def _apart() -> tuple[set[int], set[int]]:
    """Return cores for the run and for the strangers, who are on other machines and cost it no processor time."""
    cores = sorted(os.sched_getaffinity(0))
    half = (len(cores) + 1) // 2
    return set(cores[:half]), set(cores[half:] or cores)


class Run:
    """A run on the demo's clip in a process of its own, on cores of its own where there are several."""

    def __init__(self, folder: Path, *, tls: bool) -> None:
        self.ports = {"page": _free_port(), "metrics": _free_port()}
        self._log = folder / "log"
        page, metrics = (f"127.0.0.1:{self.ports[name]}" for name in ("page", "metrics"))
        options = ["--loop", "--no-realtime", "--no-window", "--jsonl", "-", "--web", page, "--metrics", metrics]
        if tls:
            options += _certificate(folder)
        own, _ = _apart()

        def confine() -> None:
            os.sched_setaffinity(0, own)
            resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))

        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", str(demo_clip(folder)), *options],
                stdout=subprocess.PIPE,
                stderr=log,
                preexec_fn=confine,
            )
        self.frames, self.begun = 0, threading.Event()
        self._reader = threading.Thread(target=self._count)
        self._reader.start()

    def _count(self) -> None:
        assert self.process.stdout
        for _ in self.process.stdout:
            self.frames += 1
            self.begun.set()

    def cost(self, seconds: float) -> Cost:
        """Measure for some seconds, or until the run has ended."""
        frames, cpu, began = self.frames, self._cpu(), time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        took = time.monotonic() - began
        return Cost((self.frames - frames) / took, max(0.0, self._cpu() - cpu) / took, self._memory())

    def lines(self) -> int:
        return len(self._log.read_text().splitlines())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self._reader.join()

    def _cpu(self) -> float:
        with suppress(OSError):
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / TICKS
        return 0.0

    def _memory(self) -> float:
        with suppress(OSError, ValueError):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            return int(status.partition("VmHWM:")[2].split()[0]) / 1024
        return 0.0


@contextmanager
def attacked(attack: Attack, port: int) -> Iterator[None]:
    """Attack during the block."""
    stop = threading.Event()
    _, others = _apart()

    def confined() -> None:
        os.sched_setaffinity(0, others)  # this thread and those that it starts
        attack(port, stop)

    thread = threading.Thread(target=confined)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def measured(name: str, seconds: float) -> str:
    """A line of the table."""
    where, tls, attack = ATTACKS[name]
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), tls=tls)
        try:
            run.begun.wait(120)
            time.sleep(WARM_UP)
            quiet, before = run.cost(seconds), run.lines()
            with attacked(attack, run.ports[where]):
                under = run.cost(seconds)
            ended = f"ended, status {run.process.returncode}" if run.process.poll() is not None else "goes on"
            lines = run.lines() - before
        finally:
            run.stop()
    return (
        f"{name:<36}{quiet.fps:>7.1f} →{under.fps:>6.1f} FPS{under.beyond(quiet):>8.1%} of a core"
        f"{quiet.memory:>6.0f} →{under.memory:>5.0f} MB{lines:>8} lines   {ended}"
    )


def _certificate(folder: Path) -> list[str]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*request, "-out", cert, "-keyout", key], check=True, capture_output=True)
    return ["--web-cert", str(cert), "--web-key", str(key)]


def _free_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])


def main() -> None:
    """Measure all attacks."""
    parser = argparse.ArgumentParser(description="Measure what strangers on the network cost a run.")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement (default: 8)")
    seconds = parser.parse_args().seconds
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    for name in ATTACKS:
        print(measured(name, seconds), flush=True)


if __name__ == "__main__":
    main()
