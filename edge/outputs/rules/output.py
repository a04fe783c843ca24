"""Rules as an output of a run: watches results and cameras, and hands triggers to the actions."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import TracebackType
from typing import Any, Self

from edge.base.errors import UserError, needs_extra
from edge.base.run_statistics import Statistics
from edge.base.settings import Rule, Webhook
from edge.faces.results import FrameResult
from edge.outputs.rules.actions import Action, Publish, Publisher, Worker
from edge.outputs.rules.album import Album
from edge.outputs.rules.conditions import RuleState, Trigger
from edge.outputs.rules.program import MAX_PROGRAMS, RunProgram
from edge.outputs.rules.snapshot import TakeSnapshot
from edge.outputs.rules.webhook import CallWebhook
from edge.pipeline.faults import Faults
from edge.pipeline.feed import BACK
from edge.pipeline.gate import Gate
from edge.pipeline.pipeline import AWAY

CAMERA_INTERVAL = 0.5
"""Seconds between two looks at the cameras' states."""

ACTION_FLUSH_SECONDS = 0.7
"""Seconds at the end in which waiting triggers are handled; shorter than the pipeline's wait for an output."""

ACTION_STOP_SECONDS = 0.3
"""Seconds to wait for an action after it was told to stop."""


class RulesOutput:
    """Applies rules to the results of any number of cameras. Each action has a thread and a bounded queue."""

    name = "rules"
    complete = False

    def __init__(
        self,
        rules: Sequence[Rule],
        cameras: Mapping[str, tuple[Statistics, Gate]],
        statistics: Statistics,
        faults: Faults,
        broker: Publisher | None = None,
        album: Album | None = None,
    ) -> None:
        """Prepare the actions.

        Args:
            rules: the rules.
            cameras: statistics and gate of each camera, by its name; its states say whether it is away.
            statistics: count what is done.
            faults: records errors.
            broker: the run's connection; None without one.
            album: the run's snapshots; by default those of these rules.

        Raises:
            UserError: an action cannot be had.
        """
        self._cameras, self._faults = cameras, faults
        self._returns = Counter[str]()
        self._stop, self._closing = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        slots, album = threading.BoundedSemaphore(MAX_PROGRAMS), album or Album(rules)
        self._rules = [
            (
                RuleState(rule),
                [
                    Worker(action, statistics, faults, self._stop, self._is_paused)
                    for action in _actions(rule, slots, broker, album)
                ],
            )
            for rule in rules
        ]
        for _, gate in cameras.values():
            gate.follow(self._follow_gate)
        self._ticker = threading.Thread(target=self._watch_cameras, name="rules", daemon=True)

    @property
    def _workers(self) -> list[Worker]:
        return [worker for _, workers in self._rules for worker in workers]

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        self._ticker.start()
        return self

    def _is_paused(self, camera: str) -> bool:
        return camera in self._cameras and self._cameras[camera][1].paused

    def _follow_gate(self, paused: bool) -> None:
        for worker in self._workers if paused else ():
            worker.drop_pictures()

    def write(self, result: FrameResult) -> None:
        with self._lock:
            for state, workers in self._rules:
                _hand_over(state.update(result), workers)

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        """Ignore the events at the end of the run: no face has left, the run has."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        for worker in self._workers:
            worker.close()
        end = time.monotonic() + ACTION_FLUSH_SECONDS
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))
        self._stop.set()
        end = time.monotonic() + ACTION_STOP_SECONDS
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))
        if self._ticker.ident:
            self._ticker.join(ACTION_STOP_SECONDS)

    def _watch_cameras(self) -> None:
        while not self._closing.wait(CAMERA_INTERVAL):
            with self._faults.tolerated(self.name), self._lock:
                for camera, (statistics, _) in self._cameras.items():
                    self._look(camera, statistics, time.time())

    def _look(self, camera: str, statistics: Statistics, now: float) -> None:
        """Update the rules about a camera; one that was lost and came back since the last look was away between."""
        away, returns = bool(statistics.states().get(AWAY)), statistics.count_of(f"source.{BACK}")
        states = (True, False) if not away and returns > self._returns[camera] else (away,)
        self._returns[camera] = returns
        for (state, workers), one in product(self._rules, states):
            _hand_over(state.update_camera(camera, one, now), workers)


def webhook_address(webhook: Webhook) -> str | None:
    """Return the address of a webhook, which may come from the environment; None where there is none."""
    return os.environ.get(webhook.variable) if webhook.variable else webhook.address


def _hand_over(triggers: Sequence[Trigger], workers: Sequence[Worker]) -> None:
    for trigger in triggers:
        for worker in workers:
            worker.put(trigger)


def _actions(rule: Rule, slots: threading.Semaphore, broker: Publisher | None, album: Album) -> Iterator[Action]:
    if rule.mqtt.topic:
        if broker is None:
            raise UserError(f"rule {rule.name}: there is no broker to publish to", "name one by --mqtt")
        yield Publish(rule.mqtt.topic, broker)
    if address := webhook_address(rule.webhook):
        yield CallWebhook(address, rule.webhook, os.environ.get(rule.webhook.secret or ""))
    if rule.program.command:
        yield RunProgram(rule.program, slots)
    if rule.snapshot.folder:
        yield TakeSnapshot(rule.snapshot.folder, rule.snapshot, album, broker if rule.snapshot.publish else None)
    if rule.gpio.pin is not None:
        with needs_extra("gpio"):
            from edge.outputs.rules.gpio import SwitchPin
        yield SwitchPin(rule.gpio.pin, rule.gpio)
