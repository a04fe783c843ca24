"""Cost of attackers for a run: frames a second, peak memory and lines of log, before and during each attack.

    python -m tests.fuzz.attacks CLIP

A run on the clip, as fast as it can, serves the live page or metrics on loopback, on half of the cores and with at most
1024 file descriptors; each attack comes from the others.
"""

import argparse
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from multiprocessing import Process
from pathlib import Path
from threading import Thread
from typing import Any

from edge.base.listen import free_port
from edge.base.text_table import Column, Row, Value, draw

FILES, WARM_UP, SECONDS = 1024, 3.0, 8.0
"""File descriptors that the run may have, seconds from its first frame until figures are taken, and of each."""

CHUNKS = (
    b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"1\r\nx\r\n" * 200,
)
METRICS = (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",) * 2


def silent(port: int, count: int) -> None:
    """Open so many connections that say nothing, twice a second anew."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    while True:
        with ExitStack() as stack:
            for _ in range(count):
                connection = stack.enter_context(closing(socket.socket()))
                connection.setblocking(False)
                connection.connect_ex(("127.0.0.1", port))
            time.sleep(0.5)


def talkative(port: int, count: int, head: bytes, words: bytes, answers: bool) -> None:
    """Send words after a head without a pause, each after the answer if any; clients come back when thrown out."""

    def client() -> None:
        while True:
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 5)) as connection:
                connection.sendall(head)
                while not answers or connection.recv(1 << 16):
                    connection.sendall(words)

    for _ in range(count):
        Thread(target=client).start()


ATTACKS: dict[str, tuple[str, Callable[..., None], tuple[Any, ...]]] = {
    "1,300 silent connections, TLS": ("--web-cert", silent, (1300,)),
    "10,400 silent connections": ("--web", silent, (10_400,)),
    "4 clients send chunks of one byte": ("--web", talkative, (4, *CHUNKS, False)),
    "1 client asks for the metrics": ("--metrics", talkative, (1, *METRICS, True)),
}
"""Attacks by name: on what, by whom."""


def main() -> None:
    """Attack a run on the clip in every way, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.attacks", description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path, metavar="CLIP", help="video with a face")
    clip = parser.parse_args().clip.resolve()
    with tempfile.TemporaryDirectory() as folder:
        rows = [_attacked(name, clip, Path(tempfile.mkdtemp(dir=folder))) for name in ATTACKS]
    print(draw(COLUMNS, rows, markdown=True))


def _attacked(name: str, clip: Path, folder: Path) -> Row:
    """Return the `name` of an attack, and numbers `before` and `during` it: `fps`, `mb`, `lines`."""
    where, attack, arguments = ATTACKS[name]
    cores, port, records, log = sorted(os.sched_getaffinity(0)), free_port(), folder / "records.jsonl", folder / "log"
    options = [where.removesuffix("-cert"), f"127.0.0.1:{port}", "--jsonl", "-", "--loop", "--no-realtime"]
    if where == "--web-cert":
        cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
        subprocess.run([*request, "-out", cert, "-keyout", key], check=True, capture_output=True)
        options += ["--web-cert", cert, "--web-key", key]

    def confine() -> None:
        os.sched_setaffinity(0, cores[::2])
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))

    def figures() -> Row:
        before = records.read_bytes().count(b"\n")
        time.sleep(SECONDS)
        fps = (records.read_bytes().count(b"\n") - before) / SECONDS
        memory = Path(f"/proc/{run.pid}/status").read_text().partition("VmHWM:")[2].split()
        mb = int(memory[0]) / 1024 if memory else 0.0
        return {"fps": fps, "mb": mb, "lines": len(log.read_text().splitlines())}

    command = [sys.executable, "-m", "edge", "run", str(clip), "--no-window", *options]
    with (
        records.open("w") as lines,
        log.open("w") as errors,
        subprocess.Popen(command, stdout=lines, stderr=errors, preexec_fn=confine) as run,
    ):
        try:
            while not records.stat().st_size:
                time.sleep(0.1)
            time.sleep(WARM_UP)
            quiet, attacker = figures(), Process(target=attack, args=(port, *arguments))
            attacker.start()
            os.sched_setaffinity(attacker.pid or 0, cores[1::2] or cores)
            attacked = figures()
            attacker.kill()
        finally:
            run.terminate()
    return {"name": name, "before": quiet, "during": attacked}


def _change(key: str) -> Value:
    return lambda row, rows: f"{row['before'][key]:.0f} → {row['during'][key]:.0f}"


COLUMNS = (
    Column("attackers", "name"),
    Column("frames per second", _change("fps")),
    Column("peak memory, MB", _change("mb")),
    Column("lines of log", _change("lines")),
)

if __name__ == "__main__":
    main()
