"""Progress of a batch of videos by bytes, which are known before a video is opened."""

from edge.base.progress import Progress


class BatchProgress(Progress):
    """Progress of all videos together."""

    def __init__(self, videos: dict[str, int]) -> None:
        """Begin at 0; `videos` are the sizes in bytes by name; each stretch of a long video counts as one."""
        self._bytes, self._ended = videos, 0
        self._shares = dict.fromkeys(videos, 0.0)
        super().__init__(self._task(), max(1, sum(videos.values())), "B")

    def note(self, video: str, share: float) -> None:
        """Set the finished share of a video, 0 to 1."""
        self._shares[video] = share
        self.update(sum(self._bytes[video] * share for video, share in self._shares.items()))

    def end(self, video: str) -> None:
        """Mark a video as finished, whole or not."""
        self._ended += 1
        self.task = self._task()
        self.note(video, 1.0)

    def _task(self) -> str:
        return f"{self._ended} of {len(self._bytes)} videos"
