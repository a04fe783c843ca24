"""Metrics of a run for Prometheus, collected from `edge.base.run_statistics` at each scrape."""

import platform
from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from edge.base.classes import NO_LABEL
from edge.base.machine import package_version
from edge.base.run_statistics import BOUNDS, under
from edge.faces.recognizer import Recognizer
from edge.pipeline.feed import TROUBLES
from edge.pipeline.pipeline import LABEL_CHANGES

PREFIX = "emotion_edge_"

COUNTERS = (
    ("frames_captured", "captured", "Frames from the source."),
    ("frames_answered", "frames", "Frames with a result."),
    ("frames_with_faces", "frames_with_faces", "Frames with a face in their result."),
    ("faces", "faces", "Faces in all results."),
    ("faces_left_out", "faces_left_out", "Detected faces beyond --max-faces."),
)
"""Name, counter of the statistics, and help."""

GAUGES = (
    ("temperature_celsius", "temperature", "Temperature of the processor."),
    ("slowed", "slowed", "Whether the firmware has lowered the clock because of heat or voltage."),
    ("undervoltage", "undervoltage", "Whether the supply voltage is too low."),
    ("governor_level", "level", "Steps by which work is reduced, 0 to 3."),
    ("faces_visible", "faces_visible", "Faces in the newest result."),
)
"""Name, state of the statistics, and help; unknown states are left out."""

SOURCE_EVENTS = (*TROUBLES, "back")
"""Events of `edge.pipeline.feed.Feed`; all are exported from the start, as a rate needs a zero to begin with."""


class Metrics:
    """A collector for Prometheus's registry. The live page or `edge.web.exposition` serves `exposition`.

    Attributes:
        statistics: statistics of the run.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer, self.statistics = recognizer, recognizer.statistics
        self.classes = recognizer.classes
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return the metrics in one of Prometheus's text formats, and its content type; from any thread.

        Args:
            accept: the request's Accept header; the plain format is the default.
        """
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # the library fails on versions that are not numbers
            encode, content_type = choose_encoder("")
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics; called by the registry."""
        counts, states = self.statistics.counts(), self.statistics.states()
        build = {"version": package_version("emotion-edge"), "python": platform.python_version()}
        yield _info("build_info", "This package.", build)
        if self._recognizer.identity:
            yield _info("model_info", "The model in use.", self._recognizer.identity)
        for name, key, help_ in COUNTERS:
            yield CounterMetricFamily(PREFIX + name, help_, counts.get(key, 0))
        for name, key, help_ in GAUGES:
            if (value := states.get(key)) is not None:
                yield GaugeMetricFamily(PREFIX + name, help_, float(value))
        changes = dict.fromkeys((*self.classes, NO_LABEL), 0) | under(LABEL_CHANGES, counts)
        yield _counters("label_changes", "Events in which a face's label changed, by the new one.", "label", changes)
        sources = dict.fromkeys(SOURCE_EVENTS, 0) | under("source.", counts)
        yield _counters("source_events", "Events of the source.", "event", sources)
        errors = under("errors.", counts)
        yield _counters("errors", "Errors that do not end the run, by part.", "part", errors)
        dropped = under("dropped.", counts)
        yield _counters("frames_dropped", "Dropped frames, by the stage or output that was too slow.", "queue", dropped)
        yield self._depths()
        yield from self._durations()

    def _depths(self) -> Metric:
        family = GaugeMetricFamily(PREFIX + "queue_depth", "Frames in each queue.", labels=("queue",))
        for queue, depth in self.statistics.depths().items():
            family.add_metric((queue,), depth)
        return family

    def _durations(self) -> Iterator[Metric]:
        help_ = "Time from a frame's arrival to its result."
        ages = HistogramMetricFamily(PREFIX + "frame_age_seconds", help_, labels=())
        help_ = "Time of a stage or an output for one frame."
        stages = HistogramMetricFamily(PREFIX + "stage_duration_seconds", help_, labels=("stage",))
        for name, histogram in self.statistics.histograms().items():
            classes = list(zip([*map(str, BOUNDS), "+Inf"], accumulate(histogram.counts), strict=True))
            if name == "frame age":
                ages.add_metric((), classes, histogram.total)
            else:
                stages.add_metric((name,), classes, histogram.total)
        yield from (ages, stages)


def _info(name: str, help_: str, labels: Mapping[str, str]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, help_, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), 1)
    return family


def _counters(name: str, help_: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, help_, labels=(label,))
    for value, count in values.items():
        family.add_metric((value,), count)
    return family
