"""A network camera on this machine that does at a test's word what real ones do by themselves."""

import itertools
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import cv2
import numpy as np

from .patience import LONG

BETWEEN = 0.04
"""Seconds between pictures."""

ANSWER = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=next\r\n\r\n"


def jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


class HttpCamera:
    """Sends MJPEG to whoever connects, some 25 pictures a second.

    Attributes:
        address: where it is found.
        pictures: those that are sent, in turn; anything that a camera may take for a JPEG.
        answering: whether whoever connects gets any answer.
        sending: whether pictures are sent to whoever was answered.
        callers: the connections, those that have ended included.
        sent: how many pictures all of them were sent.
    """

    def __init__(self, pictures: Sequence[bytes]) -> None:
        self.pictures, self.answering, self.sending = list(pictures), True, True
        self.callers: list[socket.socket] = []
        self.sent = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._server.getsockname()[1]}/cam.mjpg"
        self._gone = threading.Event()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def hang_up(self) -> None:
        """End the connections that there are."""
        for caller in self.callers:
            with suppress(OSError):
                caller.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Be gone, with all threads; safe to call twice."""
        self._gone.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # which wakes who waits for callers
        self._server.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(LONG)

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._server.accept()
                self.callers.append(caller)
                self._start(self._serve, caller)

    def _serve(self, caller: socket.socket) -> None:
        with suppress(OSError), caller:
            caller.recv(4096)
            while not self.answering and not self._gone.wait(BETWEEN):
                pass
            caller.sendall(ANSWER)
            for i in itertools.count():
                if self._gone.wait(BETWEEN):
                    break
                if self.sending:
                    picture = self.pictures[i % len(self.pictures)]
                    head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                    caller.sendall(head.encode() + picture + b"\r\n")
                    self.sent += 1
