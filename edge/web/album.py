"""Read the snapshots of the run's rules for clients."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from edge.outputs.rules.album import Album
from edge.web.places import Places

MOST_SNAPSHOT_REQUESTS = 16
"""Most snapshots that are waited for at one time; a browser asks for six."""


class SnapshotReader(Places):
    """Reads an album on a thread of its own, which a slow disk may hold up."""

    def __init__(self, album: Album) -> None:
        super().__init__(MOST_SNAPSHOT_REQUESTS)
        self._album = album
        self._thread = ThreadPoolExecutor(1, "snapshots")

    async def read(self, number: str, name: str) -> bytes:
        """Return a snapshot, see `Album.read`.

        Raises:
            Busy: too many are waited for.
            OSError: there is no such snapshot, or it cannot be read.
        """
        with self.place():
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._album.read, number, name)

    def close(self) -> None:
        """Stop; do not wait for a snapshot that is being read."""
        self._thread.shutdown(wait=False, cancel_futures=True)
