"""Signals of the operating system as events that the program's threads wait for."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Signals:
    """Requests by signals: to stop, to reload the model, or to pause or resume all cameras."""

    stop: threading.Event = field(default_factory=threading.Event)
    reload: threading.Event = field(default_factory=threading.Event)
    toggle: threading.Event = field(default_factory=threading.Event)


@contextmanager
def handled_signals(*, hangup_reloads: bool = True) -> Iterator[Signals]:
    """SIGINT and SIGTERM stop; the second interrupts, and what was half-written is removed. SIGHUP reloads or stops.

    Where there is something to reload, SIGUSR1 pauses and resumes.
    """
    signals = Signals()

    def handle(number: int, frame: Any) -> None:
        if signals.stop.is_set():
            raise KeyboardInterrupt
        signals.stop.set()

    handlers: dict[int, Any] = {signal.SIGINT: handle, signal.SIGTERM: handle}
    if hasattr(signal, "SIGHUP"):  # Windows has none
        handlers[signal.SIGHUP] = (lambda number, frame: signals.reload.set()) if hangup_reloads else handle
    if hasattr(signal, "SIGUSR1") and hangup_reloads:
        handlers[signal.SIGUSR1] = lambda number, frame: signals.toggle.set()
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
