"""Rate limits of clients."""

import time

MAX_REMEMBERED_CLIENTS = 1024
"""Most clients that are remembered; beyond, the least recently active one is forgotten."""


class Rate:
    """Token bucket for each client; for one thread."""

    def __init__(self, a_second: float, at_once: int) -> None:
        """Allow `a_second` in the long run, and `at_once` after a rest."""
        self._a_second, self._at_once = a_second, at_once
        self._clients: dict[str, tuple[float, float]] = {}

    def allows(self, client: str) -> bool:
        """Count an attempt of `client`; return False where there were too many."""
        now = time.monotonic()
        left, since = self._clients.pop(client, (float(self._at_once), now))
        left = min(self._at_once, left + (now - since) * self._a_second)
        allowed = left >= 1
        self._clients[client] = (left - allowed, now)
        if len(self._clients) > MAX_REMEMBERED_CLIENTS:
            del self._clients[next(iter(self._clients))]
        return allowed
