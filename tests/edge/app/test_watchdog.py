"""Messages to systemd over a real socket, and when there are none."""

import itertools
import os
import socket
import threading

import pytest

from edge.app.systemd import WATCHDOG_TIMEOUT
from edge.app.watchdog import HEARTBEAT_INTERVAL, Heartbeat, announced, notify, notify_waiting
from edge.base.run_statistics import Statistics
from edge.pipeline.feed import FRAME_TIMEOUT, MAX_RETRY_DELAY, TROUBLES
from edge.pipeline.pipeline import Pipeline

from ..patience import LONG, patiently
from ..stand_ins import ScriptedRecognizer, ScriptedSource


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path, monkeypatch):
    """Stand-in for systemd's socket: one in the file system, or one with a name alone."""
    path = str(tmp_path / "notify") if request.param == "file" else f"@emotion-edge-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path.replace("@", "\0", 1))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield listening


def heard(manager):
    """Every message so far; Unix datagrams are there when `send` has returned."""
    messages = []
    while True:
        try:
            messages.append(manager.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_a_run_tells_when_it_is_ready_and_when_it_stops(manager):
    with announced(Statistics()):
        assert heard(manager) == ["READY=1\nSTATUS=running"]
    assert heard(manager) == ["STOPPING=1\nSTATUS=stopping"]


def test_a_run_that_fails_stops_too(manager):
    with pytest.raises(ZeroDivisionError), announced(Statistics()):
        raise ZeroDivisionError
    assert heard(manager)[-1].startswith("STOPPING=1")


def test_a_run_that_waits_is_ready_and_alive(manager):
    notify_waiting()
    assert heard(manager) == ["READY=1\nSTATUS=waiting for the source\nWATCHDOG=1"]


@pytest.mark.parametrize("address", [None, "", "vsock:2:1234", "@nobody-listens-here", "/nowhere/notify"])
def test_nobody_is_told_where_nobody_listens(monkeypatch, address):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


def test_a_manager_that_is_behind_holds_nothing_back(manager):
    for _ in range(5000):
        notify("WATCHDOG=1")
    assert 0 < len(heard(manager)) < 5000, "its queue was full, and what did not fit was lost"


@pytest.mark.parametrize(
    ("before", "since", "beats"),
    [
        pytest.param({}, {}, False, id="nothing yet"),
        pytest.param({}, {"captured": 1, "frames": 1}, True, id="a frame is answered"),
        pytest.param({"captured": 5, "frames": 5}, {}, False, id="no more frames"),
        pytest.param({"captured": 5, "frames": 5}, {"captured": 50}, False, id="frames that are not answered"),
        *[
            pytest.param({"captured": 5, "frames": 5}, {f"source.{trouble}": 1}, True, id=f"a camera that is {trouble}")
            for trouble in TROUBLES
        ],
        pytest.param(
            {"captured": 5, "frames": 5}, {"source.back": 1}, False, id="a camera that is only said to be back"
        ),
        pytest.param(
            {"captured": 5, "frames": 5},
            {"captured": 50, "source.lost": 9},
            False,
            id="a camera that comes and goes does not hide frames that are not answered",
        ),
        pytest.param({"captured": 5, "frames": 5}, {"dropped.video": 9}, False, id="outputs prove nothing"),
    ],
)
def test_what_is_alive(manager, before, since, beats):
    statistics = Statistics()
    heartbeat = Heartbeat(statistics)
    for step, counts in enumerate((before, since)):
        heard(manager)
        for name, count in counts.items():
            statistics.count(name, count)
        heartbeat.update(step * HEARTBEAT_INTERVAL)
    assert heard(manager) == ["WATCHDOG=1"] * beats


def test_it_beats_once_in_a_while(manager):
    statistics = Statistics()
    heartbeat = Heartbeat(statistics)
    for i in range(101):
        statistics.answered()
        heartbeat.update(i * HEARTBEAT_INTERVAL / 10)
    assert len(heard(manager)) == 11


@pytest.mark.usefixtures("no_threads_left")
@pytest.mark.parametrize("stage", ["on_detect", "on_classify"])
def test_a_pipeline_that_hangs_has_no_heartbeat_though_its_camera_and_the_main_thread_go_on(manager, stage):
    hanging, hang = threading.Event(), threading.Event()

    def work(_):
        if hanging.is_set():
            hang.wait(LONG)

    source = ScriptedSource(10**9, live=True, before_read=lambda _: hang.wait(0.002))
    with Pipeline(source, ScriptedRecognizer(**{stage: work})) as pipeline:
        heartbeat = Heartbeat(pipeline.statistics)
        times = itertools.count(0.0, HEARTBEAT_INTERVAL)
        for _ in range(10):
            assert pipeline.poll(LONG)
            heartbeat.update(next(times))
        assert "WATCHDOG=1" in heard(manager), "it beat while frames were answered"
        hanging.set()

        def silent():
            """Frames come, and nobody beats; not at once, for some were answered before it hung."""
            heard(manager)
            before = pipeline.statistics.count_of("captured")
            for _ in range(5):
                pipeline.poll(0.05)
                heartbeat.update(next(times))
            return pipeline.statistics.count_of("captured") > before and not heard(manager)

        patiently(silent)
        hang.set()


def test_the_watchdog_outlasts_two_attempts_to_open_a_camera():

    assert 2 * (MAX_RETRY_DELAY + 2 * FRAME_TIMEOUT) < WATCHDOG_TIMEOUT
    assert HEARTBEAT_INTERVAL < WATCHDOG_TIMEOUT / 10


def test_a_paused_run_is_alive(manager):
    statistics = Statistics()
    statistics.set("paused", True)
    heartbeat = Heartbeat(statistics)
    for beat in range(3):
        heartbeat.update(beat * HEARTBEAT_INTERVAL)
    assert heard(manager) == ["WATCHDOG=1"] * 3
