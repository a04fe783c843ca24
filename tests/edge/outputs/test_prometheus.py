"""Metrics against values that are known beforehand, and against Prometheus itself where it is installed."""

import http.client
import json
import re
import shutil
import socket
import struct
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge.app import cli
from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.listen import free_port
from edge.base.run_statistics import BOUNDS, WINDOW
from edge.faces.events import EVERY_CHANGE
from edge.model.release import Release, Releases
from edge.outputs.prometheus import Metrics
from edge.pipeline.faults import Faults
from edge.pipeline.pipeline import Pipeline
from edge.web.exposition import ServedMetrics
from edge.web.rates import Rate

from ..patience import patiently
from ..stand_ins import KeepingOutput, ScriptedRecognizer, ScriptedSource, face

DASHBOARD = json.loads((Path(__file__).parents[3] / "deploy" / "grafana.json").read_text())
HAPPY, NEUTRAL = 3, 4

pytestmark = pytest.mark.usefixtures("no_threads_left")


def samples(metrics):
    """Values by name and labels, as `name` or `name{label=value}`."""
    text, content_type = metrics.exposition()
    assert content_type.startswith("text/plain; version=")
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sample.labels.items())
            found[sample.name.removeprefix("emotion_edge_") + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


def busy_recognizer():
    """The recognizer of a run in which everything has happened."""
    recognizer = ScriptedRecognizer()
    statistics = recognizer.statistics
    for name in ("captured", "faces", "frames_with_faces", "faces_left_out", "source.lost", "source.back"):
        statistics.count(name, 3)
    for state, value in (
        ("temperature", 61.5),
        ("slowed", True),
        ("undervoltage", False),
        ("level", 2),
        ("paused", False),
    ):
        statistics.set(state, value)
    for stage in ("detect", "classify", "frame age"):
        statistics.add(stage, 0.004)
    Pipeline(ScriptedSource(0), recognizer, [KeepingOutput("video")])  # brings its queues
    return recognizer


def busy():
    """Metrics of such a run."""
    return Metrics(busy_recognizer())


class TestValues:
    def test_a_run_that_has_not_begun_shows_zeros_to_rise_from(self):
        found = samples(Metrics(ScriptedRecognizer()))
        assert found["frames_captured_total"] == found["frames_answered_total"] == 0
        assert found["source_events_total{event=lost}"] == 0
        assert {found[f"label_changes_total{{label={name}}}"] for name in (*EMOTIONS, "none")} == {0}
        assert not [name for name in found if name.startswith("temperature")], "nobody has told it"

    def test_counts_and_states(self):
        found = samples(busy())
        expected = {
            **{"frames_captured_total": 3, "faces_total": 3, "faces_left_out_total": 3, "frames_with_faces_total": 3},
            **{"source_events_total{event=lost}": 3, "source_events_total{event=frozen}": 0},
            **{"temperature_celsius": 61.5, "slowed": 1, "undervoltage": 0, "governor_level": 2},
            **{"frames_dropped_total{queue=video}": 0, "queue_depth{queue=detection}": 0},
        }
        assert {name: found[name] for name in expected} == expected

    def test_model_and_build_are_named(self):
        recognizer = ScriptedRecognizer()
        metrics = Metrics(recognizer)
        assert samples(metrics)["model_info{name=tiny,sha256=0123456789ab,variant=int8}"] == 1
        recognizer.identity = {"name": "other", "variant": "float32", "sha256": "ba9876543210"}
        (model,) = [name for name in samples(metrics) if name.startswith("model_info")]
        assert "name=other" in model, "a model that was loaded anew"
        assert [name for name in samples(metrics) if name.startswith("build_info{python=3.")]

    def test_releases_are_shown_where_there_are_any(self):
        recognizer = ScriptedRecognizer()
        metrics = Metrics(recognizer)
        assert not [name for name in samples(metrics) if name.startswith("bundle_info")]
        recognizer.releases = Releases(offered=Release(9, "newer", "stable", "0" * 64))
        assert samples(metrics)["bundle_info{name=tiny,offered=9,release=}"] == 1
        recognizer.releases = Releases(Release(8, "tiny", "stable", "1" * 64), recognizer.releases.offered)
        assert samples(metrics)["bundle_info{name=tiny,offered=9,release=8}"] == 1

    def test_label_changes_and_visible_faces_come_from_results(self):
        labels = [HAPPY, HAPPY, NEUTRAL, None, HAPPY]
        shown = [(face(label), face(NEUTRAL, number=2)) for label in labels]
        recognizer = ScriptedRecognizer(faces=lambda seq: shown[seq])
        with Pipeline(ScriptedSource(len(shown)), recognizer, limits=EVERY_CHANGE) as pipeline:
            assert len(list(pipeline)) == len(shown)
        found = samples(Metrics(recognizer))
        changes = {name: found[f"label_changes_total{{label={name}}}"] for name in ("happy", "neutral", "none", "sad")}
        assert changes == {"happy": 2, "neutral": 2, "none": 1, "sad": 0}
        assert found["faces_visible"] == 2

    def test_histograms_are_of_the_whole_run(self):
        metrics = Metrics(ScriptedRecognizer())
        for _ in range(WINDOW):
            metrics.statistics.add("detect", BOUNDS[0])
        for seconds in (BOUNDS[0] / 2, BOUNDS[1], 2 * BOUNDS[-1]):
            metrics.statistics.add("detect", seconds)
        metrics.statistics.add("frame age", 0.2)
        found = samples(metrics)
        counts = [value for name, value in found.items() if re.match("stage_duration_seconds_bucket.*detect", name)]
        assert counts == [WINDOW + 1, *[WINDOW + 2] * (len(BOUNDS) - 1), WINDOW + 3]
        assert found["stage_duration_seconds_count{stage=detect}"] == WINDOW + 3
        total = BOUNDS[0] * (WINDOW + 0.5) + BOUNDS[1] + 2 * BOUNDS[-1]
        assert found["stage_duration_seconds_sum{stage=detect}"] == pytest.approx(total)
        assert (found["frame_age_seconds_count"], found["frame_age_seconds_sum"]) == (1, 0.2)


def test_drops_and_depths_are_seen_while_the_run_goes_on():
    release, taken = threading.Event(), threading.Event()

    def hold(seq):
        taken.set()
        assert release.wait(20)

    recognizer = ScriptedRecognizer(on_detect=lambda frame: hold(frame.seq))
    source = ScriptedSource(10, live=True, before_read=lambda i: taken.wait(20) if i == 1 else None)
    metrics = Metrics(recognizer)
    with Pipeline(source, recognizer) as pipeline:
        patiently(lambda: samples(metrics)["frames_captured_total"] == 10)
        found = samples(metrics)
        release.set()
        assert found["frames_dropped_total{queue=detection}"] == 8
        assert found["queue_depth{queue=detection}"] == 1
        assert found["frames_answered_total"] == 0
        list(pipeline)
    found = samples(metrics)
    assert found["frames_answered_total"] + found["frames_dropped_total{queue=classification}"] == 2
    assert found["governor_level"] == 0, "from the beginning, not only after a change"


def asked(port, path="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


class TestServer:
    def test_it_answers_during_the_run_and_not_after_it(self):
        port, recognizer = free_port(), ScriptedRecognizer()
        metrics = ServedMetrics(recognizer, ("127.0.0.1", port))
        with metrics, Pipeline(ScriptedSource(50), recognizer) as pipeline:
            next(iter(pipeline))  # the others wait until they are taken
            assert re.search(r"emotion_edge_frames_answered_total \d+\.0", asked(port))
            list(pipeline)
        with pytest.raises(urllib.error.URLError):
            asked(port)

    def test_a_port_in_use_is_told_before_the_run(self, bundle, write_clip, tmp_path, capsys, yunet):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(UserError, match="cannot be listened on"):
                ServedMetrics(ScriptedRecognizer(), taken.getsockname())
            run = ["run", str(write_clip(tmp_path / "clip.avi")), "--model", str(bundle), "--no-window"]
            assert cli.main([*run, "--metrics", address, "--jsonl", str(tmp_path / "r.jsonl")]) == 2
        assert capsys.readouterr().err.startswith(f"emotion-edge: {address}: cannot be listened on")
        assert not (tmp_path / "r.jsonl").exists()

    def test_the_command_line_serves(self, bundle, write_clip, tmp_path, capsys, yunet):
        run = ["run", str(write_clip(tmp_path / "clip.avi")), "--model", str(bundle), "--no-window"]
        assert cli.main([*run, "--metrics", f"127.0.0.1:{free_port()}"]) == 0
        assert "told to others" in capsys.readouterr().out

    def test_slow_clients_do_not_shut_others_out(self, monkeypatch):
        monkeypatch.setattr("edge.web.connections.MOST_OF_ONE", 16)
        port = free_port()
        with ServedMetrics(ScriptedRecognizer(), ("127.0.0.1", port)), ExitStack() as stack:
            for _ in range(20):  # some are turned away
                slow = stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), 10)))
                with suppress(ConnectionError):
                    slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
            other = http.client.HTTPConnection("127.0.0.1", port, 10, source_address=("127.0.0.2", 0))
            with closing(other):
                other.request("GET", "/metrics")
                assert other.getresponse().status == 200

    def test_who_says_nothing_makes_place(self, monkeypatch):
        monkeypatch.setattr("edge.web.connections.CLIENT_TIMEOUT", 0.2)
        monkeypatch.setattr("edge.web.connections.MOST_CONNECTIONS", 1)
        port = free_port()
        with (
            ServedMetrics(ScriptedRecognizer(), ("127.0.0.1", port)),
            socket.create_connection(("127.0.0.1", port), 10) as mute,
        ):
            assert "emotion_edge" in asked(port)
            with suppress(ConnectionResetError):
                assert mute.recv(1) == b""

    def test_who_goes_away_before_the_answer_is_not_spoken_of(self, caplog, capsys):
        port = free_port()
        with ServedMetrics(ScriptedRecognizer(), ("127.0.0.1", port)):
            with socket.create_connection(("127.0.0.1", port), 10) as rude:
                rude.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing is a reset
            assert "emotion_edge" in asked(port)
        assert (caplog.records, capsys.readouterr().err) == ([], "")

    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            ("*/*", "text/plain; version=0.0.4"),
            ("text/plain;version=1.0.0", "text/plain; version=1.0.0"),
            ("application/openmetrics-text;version=1.0.0,*/*;q=0.1", "application/openmetrics-text; version=1.0.0"),
            ("application/openmetrics-text;version=none", "text/plain; version=0.0.4"),
            ("text/plain;version=1.x;escaping", "text/plain; version=0.0.4"),
            (";;,=;version==", "text/plain; version=0.0.4"),
        ],
    )
    def test_the_format_is_the_one_asked_for_or_the_plain_one(self, caplog, accept, kind):
        port = free_port()
        with ServedMetrics(ScriptedRecognizer(), ("127.0.0.1", port)):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.headers["Content-Type"].startswith(kind)
                assert b"emotion_edge_frames" in answer.read()
        assert caplog.records == []

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Host": "localhost:9108"}, 200),
            ({"Host": "rebound.example"}, 421),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
        ],
        ids=["its name", "another name", "another site's page"],
    )
    def test_pages_elsewhere_read_nothing(self, headers, status):
        port = free_port()
        connection = http.client.HTTPConnection("127.0.0.1", port, 10)
        with ServedMetrics(ScriptedRecognizer(), ("127.0.0.1", port)), closing(connection):
            connection.request("GET", "/metrics", headers=headers)
            assert connection.getresponse().status == status

    def test_who_asks_too_often_waits(self, monkeypatch):
        monkeypatch.setattr("edge.web.guard.Rate", lambda a_second, at_once: Rate(a_second / 1e6, 3))
        port, made, recognizer = free_port(), [], ScriptedRecognizer()
        metrics = ServedMetrics(recognizer, ("127.0.0.1", port))
        exposition = metrics.exposition
        monkeypatch.setattr(metrics, "exposition", lambda accept: made.append(accept) or exposition(accept))
        with metrics, closing(http.client.HTTPConnection("127.0.0.1", port, 10)) as connection:
            statuses = []
            for _ in range(5):
                connection.request("GET", "/metrics")
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
        assert (statuses, len(made)) == ([200] * 3 + [429] * 2, 3)

    def test_addresses_of_ipv6_are_served(self):
        try:
            with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
                port = probe.getsockname()[1]
        except OSError:
            pytest.skip("no IPv6 here")
        with ServedMetrics(ScriptedRecognizer(), ("::1", port)):
            socket.create_connection(("::1", port), 10).close()


@pytest.mark.parametrize("text", ["9108", "127.0.0.1", "127.0.0.1:", ":9108", "127.0.0.1:70000", "clip.mp4"])
def test_other_addresses_are_refused(text, capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", "--metrics", text])
    assert f"{text} is not an address" in capsys.readouterr().err


def test_promtool_finds_nothing_to_complain_about():
    if not (program := shutil.which("promtool")):
        pytest.skip("promtool is not installed here")
    text, _ = busy().exposition()
    done = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def expressions():
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_the_dashboard_asks_only_for_metrics_that_there_are():
    exposed = set(re.findall(r"^([a-z_]+)[{ ]", busy().exposition()[0].decode(), re.MULTILINE))
    used = {name for expression in expressions() for name in re.findall(r"\b(?:emotion_edge|process)_\w+", expression)}
    assert len(used) > 15
    assert used <= exposed
    own = {name for name in exposed if name.startswith("emotion_edge")}
    assert {name for name in own - used if not name.endswith(("_sum", "_count"))} == {"emotion_edge_faces_total"}


@pytest.fixture
def prometheus(tmp_path):
    """`prometheus(port)` starts one that asks there twice a second, and gives its own port."""
    if not (program := shutil.which("prometheus")):
        pytest.skip("Prometheus is not installed here")
    started = []

    def start(port):
        jobs = {"job_name": "edge", "scrape_interval": "500ms", "scrape_timeout": "500ms"}
        jobs["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
        config, own = tmp_path / "prometheus.yml", free_port()
        config.write_text(json.dumps({"scrape_configs": [jobs]}))  # JSON is YAML
        options = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}", "--log.level=error"]
        started.append(subprocess.Popen([program, *options, f"--web.listen-address=127.0.0.1:{own}"]))
        return own

    yield start
    for process in started:
        process.kill()
        process.wait()


def query(port, expression):
    """Return Prometheus's answer; nothing while it is not ready, or where it does not understand."""
    with suppress(urllib.error.URLError):
        answer = json.loads(asked(port, f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}"))
        return answer["data"]["result"]
    return []


def test_errors_are_counted_by_their_part():
    metrics = Metrics(ScriptedRecognizer())
    Faults(metrics.statistics).note("governor", OSError())
    assert samples(metrics)["errors_total{part=governor}"] == 1


def test_prometheus_takes_it_and_the_dashboard_gets_its_answers(prometheus):
    port = free_port()
    with ServedMetrics(busy_recognizer(), ("127.0.0.1", port)):
        own = prometheus(port)
        captured = "emotion_edge_frames_captured_total"
        (found,) = patiently(lambda: query(own, captured))
        assert (found["metric"]["job"], found["value"][1]) == ("edge", "3")
        patiently(lambda: query(own, f"count_over_time({captured}[1m]) > 1"))  # a rate needs two
        for expression in expressions():
            asked_ = expression.replace("$instance", ".*").replace("$camera", ".*").replace("$__rate_interval", "1m")
            assert query(own, asked_), asked_
