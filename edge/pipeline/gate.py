"""Pause and resume of a camera."""

import threading
from collections.abc import Callable, Collection

SWITCH, HOURS = "switch", "hours"
"""Reasons: somebody has paused the camera, and the time of day."""

STOP_CHECK_SECONDS = 0.1
"""Seconds after which a paused thread looks again whether it was stopped."""


class Gate:
    """Switch of a camera, for any thread. It is paused as long as there is a reason to pause it.

    Nothing is read, and nothing that was read before is passed on, while it is paused.
    """

    def __init__(self) -> None:
        self._reasons: set[str] = set()
        self._followers: list[Callable[[bool], None]] = []
        self._lock = threading.RLock()

    @property
    def paused(self) -> bool:
        """Return whether the camera may not be read."""
        return bool(self._reasons)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return the reasons of the pause, in alphabetical order."""
        return tuple(sorted(self._reasons))

    def set(self, reason: str, paused: bool) -> None:
        """Add a reason to pause, or remove it; when this returns, all followers know."""
        with self._lock:
            before = self._reasons
            self._reasons = before | {reason} if paused else before - {reason}
            if self._reasons != before:
                for follow in self._followers:
                    follow(self.paused)

    def follow(self, follower: Callable[[bool], None]) -> None:
        """Call a function with the state at each change of the reasons, in the thread that makes it, and now."""
        with self._lock:
            self._followers.append(follower)
            follower(self.paused)

    def wait(self, stop: threading.Event) -> bool:
        """Wait while the camera is paused; return False where `stop` was set."""
        while self.paused:
            if stop.wait(STOP_CHECK_SECONDS):
                return False
        return not stop.is_set()


def toggle(gates: Collection[Gate]) -> None:
    """Pause all cameras; resume all where all are paused by the switch."""
    pause = not all(SWITCH in gate.reasons for gate in gates)
    for gate in gates:
        gate.set(SWITCH, pause)
