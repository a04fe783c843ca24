"""Actions of rules, and the worker of each: nothing an action does holds back a run."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from edge.base.run_statistics import Statistics
from edge.outputs.rules.conditions import Trigger
from edge.pipeline.channel import Channel, Closed
from edge.pipeline.faults import Faults

MAX_QUEUED_TRIGGERS = 16
"""Most triggers that wait for one action; the oldest are dropped and counted."""

MAX_WAITING_BYTES = 20 << 20
"""Most bytes of the frames that wait for one action."""


class Action(Protocol):
    """Something that a rule does.

    Attributes:
        kind: `mqtt`, `webhook`, `program`, `snapshot` or `gpio`.
        pictures: whether it needs the frame.
    """

    kind: str
    pictures: bool

    def run(self, trigger: Trigger, stop: threading.Event) -> None:
        """Act; return soon after `stop` is set.

        Raises:
            UserError: it failed.
            OSError: it failed.
        """

    def close(self) -> None:
        """Release what it holds; called in the worker's thread, after the last `run`."""


class Worker:
    """Thread of one action of one rule."""

    def __init__(
        self,
        action: Action,
        statistics: Statistics,
        faults: Faults,
        stop: threading.Event,
        paused: Callable[[str], bool],
    ) -> None:
        """Prepare.

        Args:
            action: is run for each trigger.
            statistics: count what is done (`actions.<kind>`) and dropped.
            faults: records errors as those of `rule <kind>`.
            stop: set by the owner to end it.
            paused: returns whether a camera is paused; its pictures are then dropped.
        """
        self._action, self._statistics, self._faults, self._stop = action, statistics, faults, stop
        self._paused = paused
        self._triggers: Channel[Trigger] = Channel(
            MAX_QUEUED_TRIGGERS, drop_oldest=True, most_bytes=MAX_WAITING_BYTES, size_of=_bytes
        )
        statistics.watch(self._name, self._triggers)
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)

    @property
    def _name(self) -> str:
        return f"rule {self._action.kind}"

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, trigger: Trigger) -> None:
        """Hand over a trigger; return at once."""
        with suppress(Closed):
            self._triggers.put(trigger if self._action.pictures else replace(trigger, result=None))

    def drop_pictures(self) -> None:
        """Drop the triggers that wait with a picture of a paused camera."""
        self._triggers.change(lambda trigger: None if self._is_dropped(trigger) else trigger)

    def close(self) -> None:
        """Take no more triggers; those that wait are still handled."""
        self._triggers.close()

    def join(self, timeout: float) -> None:
        """Wait for the thread's end; one that hangs is abandoned."""
        if self._thread.ident:
            self._thread.join(timeout)

    def _run(self) -> None:
        self._triggers.hand_to(self._handle)
        with self._faults.tolerated(self._name):
            self._action.close()

    def _handle(self, trigger: Trigger) -> None:
        if self._is_dropped(trigger):
            return
        with self._faults.tolerated(self._name):
            self._action.run(trigger, self._stop)
            self._statistics.count(f"actions.{self._action.kind}")

    def _is_dropped(self, trigger: Trigger) -> bool:
        return trigger.result is not None and self._paused(trigger.camera)


class Publisher(Protocol):
    """The run's connection to its broker."""

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Publish JSON to a topic below the prefix."""

    def show(self, camera: str, picture: bytes) -> None:
        """Publish a camera's picture, a JPEG."""


class Publish:
    """Publishes the facts through the run's connection to its broker."""

    kind, pictures = "mqtt", False

    def __init__(self, topic: str, broker: Publisher) -> None:
        self._topic, self._broker = topic, broker

    def run(self, trigger: Trigger, stop: threading.Event) -> None:
        self._broker.publish(self._topic, trigger.facts())

    def close(self) -> None:
        """The connection is the run's."""


def _bytes(trigger: Trigger) -> int:
    return trigger.result.frame.nbytes if trigger.result else 0
