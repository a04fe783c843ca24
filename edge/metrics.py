"""Shows a run to Prometheus: what `edge.statistics` has, read when somebody asks."""

import platform
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import ThreadingHTTPServer
from itertools import accumulate
from types import TracebackType
from typing import Any, Self

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import MetricsHandler, choose_encoder

from edge.capture import TROUBLES
from edge.emotions import EMOTIONS
from edge.events import EVERY_CHANGE, Events
from edge.listen import listen
from edge.machine import package_version
from edge.recognize import Recognizer
from edge.results import FrameResult
from edge.statistics import BOUNDS, under

PREFIX = "emotion_edge_"

TIMEOUT = 5.0
"""Seconds that who asks gets to say what."""

MOST_CLIENTS = 16
"""Who are answered at one time; the connections of others are closed."""

COUNTERS = (
    ("frames_captured", "captured", "Frames that came from the source."),
    ("frames_answered", "frames", "Frames that have a result."),
    ("frames_with_faces", "frames_with_faces", "Frames with a face in their result."),
    ("faces", "faces", "Faces in all results."),
    ("faces_left_out", "faces_left_out", "Faces that were found and not read: more than --most-faces."),
)
"""Name, counter of the statistics, and help."""

GAUGES = (
    ("temperature_celsius", "temperature", "Of the processor."),
    ("slowed", "slowed", "Whether the firmware has lowered the clock because of heat or voltage."),
    ("undervoltage", "undervoltage", "Whether the power supply gives too little."),
    ("governor_level", "level", "Steps of work that were taken away, 0 to 3."),
)
"""Name, state of the statistics, and help; those that nobody tells are left out."""

SOURCE_EVENTS = (*TROUBLES, "back")
"""Of `edge.capture.Feed`; shown from the beginning, for a rate needs a zero to rise from."""

NO_LABEL = "none"


class Metrics:
    """An output that counts what only results tell, and a collector for Prometheus's registry.

    With an address it is served there; without, `exposition` is for somebody else to serve.

    Attributes:
        name: as the statistics give it.
        statistics: of the run.
    """

    name = "metrics"
    complete = True  # to count does not wait for those who ask

    def __init__(self, recognizer: Recognizer, address: tuple[str, int] | None = None) -> None:
        """Take the address, so that nobody starts a run whose metrics cannot be had.

        Raises:
            UserError: the address is in use, or is none of this machine's.
        """
        self._recognizer, self.statistics = recognizer, recognizer.statistics
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self._events = Events(EVERY_CHANGE)
        self._changes = Counter(dict.fromkeys((*EMOTIONS, NO_LABEL), 0))
        self._visible = 0
        self._server = _Server(listen(*address, "--metrics"), self._registry) if address else None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._server:
            self._thread = threading.Thread(target=self._server.serve_forever, name="metrics server", daemon=True)
            self._thread.start()
        return self

    def write(self, result: FrameResult) -> None:
        self._visible = len(result.faces)
        for event in self._events.update(result):
            if event["event"] == "emotion_changed":
                self._changes[event["to"] or NO_LABEL] += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def exposition(self) -> tuple[bytes, str]:
        """The metrics as text in Prometheus's format, and its content type; from any thread."""
        encode, content_type = choose_encoder("")
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        """All metrics now; called by the registry."""
        counts, states = self.statistics.counts(), self.statistics.states()
        build = {"version": package_version("emotion-edge"), "python": platform.python_version()}
        yield _info("build_info", "This package.", build)
        if self._recognizer.identity:
            yield _info("model_info", "The model that reads faces.", self._recognizer.identity)
        for name, key, help_ in COUNTERS:
            yield CounterMetricFamily(PREFIX + name, help_, counts.get(key, 0))
        for name, key, help_ in GAUGES:
            if (value := states.get(key)) is not None:
                yield GaugeMetricFamily(PREFIX + name, help_, float(value))
        yield GaugeMetricFamily(PREFIX + "faces_visible", "Faces in the newest result.", self._visible)
        yield _counters("label_changes", "Changes of a face's label, by the new one.", "label", self._changes)
        sources = dict.fromkeys(SOURCE_EVENTS, 0) | under("source.", counts)
        yield _counters("source_events", "What happened to the source.", "event", sources)
        dropped = under("dropped.", counts)
        yield _counters("frames_dropped", "Frames that were lost, by what was too slow for them.", "queue", dropped)
        yield self._depths()
        yield from self._durations()

    def _depths(self) -> Metric:
        family = GaugeMetricFamily(
            PREFIX + "queue_depth", "Frames that wait, by what they wait for.", labels=("queue",)
        )
        for queue, depth in self.statistics.depths().items():
            family.add_metric((queue,), depth)
        return family

    def _durations(self) -> Iterator[Metric]:
        help_ = "From a frame's arrival to its result."
        ages = HistogramMetricFamily(PREFIX + "frame_age_seconds", help_, labels=())
        help_ = "What a stage or an output takes for a frame."
        stages = HistogramMetricFamily(PREFIX + "stage_duration_seconds", help_, labels=("stage",))
        for name, histogram in self.statistics.histograms().items():
            classes = list(zip([*map(str, BOUNDS), "+Inf"], accumulate(histogram.counts), strict=True))
            if name == "frame age":
                ages.add_metric((), classes, histogram.total)
            else:
                stages.add_metric((name,), classes, histogram.total)
        yield from (ages, stages)


class _Server(ThreadingHTTPServer):
    """Answers a few at a time, and says nothing of clients that go away before they have their answer."""

    def __init__(self, listener: socket.socket, registry: CollectorRegistry) -> None:
        handler = type("Handler", (MetricsHandler,), {"registry": registry, "timeout": TIMEOUT})
        super().__init__(listener.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()  # the one that it would have bound
        self.socket = listener
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self._places.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _info(name: str, help_: str, labels: Mapping[str, str]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, help_, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), 1)
    return family


def _counters(name: str, help_: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, help_, labels=(label,))
    for value, count in values.items():
        family.add_metric((value,), count)
    return family
