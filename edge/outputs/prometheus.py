"""Metrics of a run for Prometheus, collected from `edge.base.run_statistics` at each scrape."""

import platform
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from edge.base.classes import NO_LABEL
from edge.base.machine import package_version
from edge.base.run_statistics import BOUNDS, Statistics, under
from edge.model.release import Releases
from edge.pipeline.feed import BACK, TROUBLES
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
    ("paused", "paused", "Whether the camera is paused: nothing is read or kept."),
)
"""Name, state of the statistics, and help; unknown states are left out."""

STATES_OF_BOARD = ("temperature", "slowed", "undervoltage", "level")
"""States that all cameras have together."""

COUNTERS_BY_LABEL = (
    ("label_changes", LABEL_CHANGES, "label", "Events in which a face's label changed, by the new one."),
    ("source_events", "source.", "event", "Events of the source."),
    ("errors", "errors.", "part", "Errors that do not end the run, by part."),
    ("frames_dropped", "dropped.", "queue", "Dropped frames, by the stage or output that was too slow."),
)
"""Name, beginning of the counters, label, and help."""

SOURCE_EVENTS = (*TROUBLES, BACK)
"""Events of `edge.pipeline.feed.Feed`; all are exported from the start, as a rate needs a zero to begin with."""


class Subject(Protocol):
    """A run, or its recognizer where there is one camera."""

    @property
    def statistics(self) -> Statistics: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def identity(self) -> Mapping[str, str]: ...

    @property
    def releases(self) -> Releases: ...


class Metrics:
    """A collector for Prometheus's registry. The live page or `edge.web.exposition` serves `exposition`.

    Attributes:
        statistics: statistics of the run.
        classes: names of the model's classes.
    """

    def __init__(self, subject: Subject, cameras: Mapping[str, Statistics] | None = None) -> None:
        """Collect the metrics of a run.

        Args:
            subject: the run.
            cameras: statistics of several cameras by their names, which become the label `camera`.
        """
        self._subject, self.statistics = subject, subject.statistics
        self.classes = subject.classes
        self._cameras = {"": subject.statistics} if cameras is None else cameras
        self._all = self._cameras if cameras is None else {"": subject.statistics, **self._cameras}
        self._label = () if cameras is None else ("camera",)
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    @property
    def releases(self) -> Releases:
        """Releases of the model in use and of the latest offer."""
        return self._subject.releases

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
        build = {"version": package_version("emotion-edge"), "python": platform.python_version()}
        yield _info("build_info", "This package.", build)
        if self._subject.identity:
            yield _info("model_info", "The model in use.", self._subject.identity)
        if numbers := {name: str(number) for name, number in self.releases.numbers().items() if number}:
            labels = {"name": self._subject.identity["name"], "release": "", "offered": ""} | numbers
            yield _info("bundle_info", "Release of the model in use, and the newest one for this board.", labels)
        counts = {camera: statistics.counts() for camera, statistics in self._all.items()}
        for name, key, help_ in COUNTERS:
            counters = CounterMetricFamily(PREFIX + name, help_, labels=self._label)
            for camera in self._cameras:
                counters.add_metric(self._of(camera), counts[camera].get(key, 0))
            yield counters
        yield from self._states()
        none = {LABEL_CHANGES: (*self.classes, NO_LABEL), "source.": SOURCE_EVENTS}
        for name, prefix, label, help_ in COUNTERS_BY_LABEL:
            zeros = dict.fromkeys(none.get(prefix, ()), 0)
            cameras = self._cameras if zeros else self._all
            by_label = CounterMetricFamily(PREFIX + name, help_, labels=(*self._label, label))
            for camera in cameras:
                for value, count in (zeros | under(prefix, counts[camera])).items():
                    by_label.add_metric((*self._of(camera), value), count)
            yield by_label
        yield self._depths()
        yield from self._durations()

    def _of(self, camera: str) -> tuple[str, ...]:
        """Return the values of the labels of a camera."""
        return (camera,) if self._label else ()

    def _states(self) -> Iterator[Metric]:
        for name, key, help_ in GAUGES:
            of_board = key in STATES_OF_BOARD
            family = GaugeMetricFamily(PREFIX + name, help_, labels=() if of_board else self._label)
            for camera, statistics in ({"": self.statistics} if of_board else self._cameras).items():
                if (value := statistics.states().get(key)) is not None:
                    family.add_metric(() if of_board else self._of(camera), float(value))
            if family.samples:
                yield family

    def _depths(self) -> Metric:
        family = GaugeMetricFamily(PREFIX + "queue_depth", "Frames in each queue.", labels=(*self._label, "queue"))
        for camera, statistics in self._all.items():
            for queue, depth in statistics.depths().items():
                family.add_metric((*self._of(camera), queue), depth)
        return family

    def _durations(self) -> Iterator[Metric]:
        help_ = "Time from a frame's arrival to its result."
        ages = HistogramMetricFamily(PREFIX + "frame_age_seconds", help_, labels=self._label)
        help_ = "Time of a stage or an output for one frame."
        stages = HistogramMetricFamily(PREFIX + "stage_duration_seconds", help_, labels=(*self._label, "stage"))
        for camera, statistics in self._cameras.items():
            for name, histogram in statistics.histograms().items():
                classes = list(zip([*map(str, BOUNDS), "+Inf"], accumulate(histogram.counts), strict=True))
                if name == "frame age":
                    ages.add_metric(self._of(camera), classes, histogram.total)
                else:
                    stages.add_metric((*self._of(camera), name), classes, histogram.total)
        yield from (ages, stages)


def _info(name: str, help_: str, labels: Mapping[str, str]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, help_, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), 1)
    return family
