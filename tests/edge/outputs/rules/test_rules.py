"""Rules as an output: nothing an action does holds back or ends a run."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.base.listen import free_port
from edge.base.run_statistics import Statistics
from edge.base.settings import AUTO, Camera, Outputs, Pin, Program, Publication, Rule, Run, Snapshot, Webhook
from edge.outputs.rules import actions
from edge.outputs.rules import output as rules_output
from edge.outputs.rules.checks import rule_conflicts, variable_mistakes
from edge.outputs.rules.conditions import Trigger
from edge.outputs.rules.output import RulesOutput
from edge.outputs.shared import SharedOutput
from edge.pipeline.faults import Faults
from edge.pipeline.gate import Gate
from edge.pipeline.pipeline import AWAY, Pipeline

from ...patience import LONG, patiently
from ...stand_ins import ScriptedRecognizer, ScriptedSource, face, frame, result
from .test_webhook import Hook, status

APPEARED = Rule("door", "face_appeared", min_interval=0)


def appeared(t=1000.0):
    event = {"event": "face_appeared", "t": t, "source": "porch", "id": 1}
    return replace(result(0, face()), frame=replace(frame(), captured=t, source="porch"), events=(event,))


def rules(*wanted, publish=None, cameras=None):
    statistics = Statistics()
    broker = SimpleNamespace(publish=publish) if publish else None
    output = RulesOutput(wanted, cameras or {}, statistics, Faults(statistics), broker)
    output.statistics = statistics
    return output


class Noting:
    """An action that keeps its triggers."""

    kind = "noting"

    def __init__(self, pictures):
        self.pictures, self.seen, self.closed = pictures, [], False

    def run(self, trigger, stop):
        self.seen.append(trigger)

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def _threads(no_threads_left):
    """Each test ends without threads."""


class TestActions:
    def test_each_action_of_a_rule_is_done(self, tmp_path):
        published = []
        with Hook(status(204)) as hook:
            rule = replace(
                APPEARED,
                mqtt=Publication("door"),
                webhook=Webhook(hook.address),
                program=Program((sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'w')")),
                snapshot=Snapshot(tmp_path / "pictures"),
            )
            output = rules(rule, publish=lambda *message: published.append(message))
            with output:
                output.write(appeared())
                done = {f"actions.{kind}": 1 for kind in ("mqtt", "webhook", "program", "snapshot")}
                patiently(lambda: done.items() <= output.statistics.counts().items())
        assert published[0][0] == "door"
        assert published[0][1] == json.loads(hook.asked[0][2])
        assert (tmp_path / "ran").exists()
        assert len(list((tmp_path / "pictures").iterdir())) == 1

    def test_a_trigger_before_the_end_is_still_handled(self):
        published = []
        output = rules(replace(APPEARED, mqtt=Publication("door")), publish=lambda *message: published.append(message))
        with output:
            output.write(appeared())
        assert len(published) == 1

    def test_an_action_that_fails_is_counted_and_told_once(self, caplog):
        with Hook(status(404)) as hook:
            output = rules(replace(APPEARED, webhook=Webhook(hook.address)))
            with output:
                for t in range(3):
                    output.write(appeared(1000.0 + t))
                patiently(lambda: output.statistics.counts().get("errors.rule webhook") == 3)
        assert len(caplog.records) == 1
        assert "HTTP 404" in caplog.text
        assert caplog.records[0].exc_info is None
        assert output.statistics.counts().get("actions.webhook", 0) == 0

    def test_an_action_that_hangs_holds_nothing_back(self):
        go_on, handled = threading.Event(), []

        def publish(topic, facts):
            go_on.wait(LONG)
            handled.append(facts["t"])

        many = 3 * actions.MAX_QUEUED_TRIGGERS
        output = rules(replace(APPEARED, mqtt=Publication("door")), publish=publish)
        with output:
            for t in range(many):
                output.write(appeared(1000.0 + t))
            dropped = output.statistics.counts()["dropped.rule mqtt"]
            go_on.set()
        assert many - 1 - actions.MAX_QUEUED_TRIGGERS <= dropped <= many - actions.MAX_QUEUED_TRIGGERS
        assert handled[-1] == 1000.0 + many - 1, "the newest are kept"

    def test_an_action_that_hangs_is_left_behind_at_the_end(self):
        go_on, entered = threading.Event(), threading.Event()

        def publish(topic, facts):
            entered.set()
            go_on.wait(LONG)

        output = rules(replace(APPEARED, mqtt=Publication("door")), publish=publish)
        with output:
            output.write(appeared())
            assert entered.wait(LONG)
        assert any(thread.name == "rule mqtt" for thread in threading.enumerate())
        go_on.set()

    @pytest.mark.parametrize("pictures", [False, True])
    def test_frames_are_held_only_for_pictures(self, pictures):
        action, statistics = Noting(pictures), Statistics()
        worker = actions.Worker(action, statistics, Faults(statistics), threading.Event(), lambda camera: False)
        worker.start()
        worker.put(Trigger("door", "face_appeared", 1000.0, "porch", result=appeared()))
        worker.close()
        worker.join(LONG)
        assert [one.result is not None for one in action.seen] == [pictures]
        assert action.closed

    def test_a_pause_drops_the_pictures_that_wait_and_no_facts(self, monkeypatch):
        entered, go_on, seen, gate = threading.Event(), threading.Event(), [], Gate()

        class Slow(Noting):
            def run(self, trigger, stop):
                entered.set()
                assert go_on.wait(LONG)
                seen.append((self.pictures, trigger.camera, trigger.t))

        monkeypatch.setattr(rules_output, "_actions", lambda *_: [Slow(True), Slow(False)])
        output = rules(APPEARED, cameras={"porch": (Statistics(), gate), "hall": (Statistics(), Gate())})
        with output:
            for t in (1000.0, 2000.0):
                output.write(appeared(t))
            hall = appeared(3000.0)
            hall_events = (hall.events[0] | {"source": "hall"},)
            output.write(replace(hall, frame=replace(hall.frame, source="hall"), events=hall_events))
            assert entered.wait(LONG)
            gate.set("switch", True)
            go_on.set()
            patiently(lambda: len(seen) == 5)
        assert sorted(one for one in seen if one[0]) == [(True, "hall", 3000.0), (True, "porch", 1000.0)]
        assert sorted(t for pictures, _, t in seen if not pictures) == [1000.0, 2000.0, 3000.0]

    def test_faces_that_are_there_at_the_end_do_not_leave(self):
        published = []
        rule = Rule("gone", "face_left", min_seconds=0, mqtt=Publication("gone"))
        output = rules(rule, publish=lambda *message: published.append(message))
        with output:
            output.end([{"event": "face_left", "t": 1.0, "source": "porch", "id": 1, "emotion": None, "duration_s": 1}])
        assert published == []


def lost_and_back(camera, publish):
    """Rules that publish at once that the camera is lost, and that it is back."""
    wanted = [
        Rule(when, when, min_seconds=0, min_interval=0, mqtt=Publication(when))
        for when in ("camera_lost", "camera_back")
    ]
    return rules(*wanted, cameras={"porch": (camera, Gate())}, publish=lambda topic, facts: publish(facts))


class TestCameras:
    def test_a_camera_that_is_lost_and_back(self):
        published, camera = [], Statistics()
        output = lost_and_back(camera, published.append)
        with output:
            camera.set(AWAY, True)
            patiently(lambda: published)
            camera.set(AWAY, False)
            patiently(lambda: len(published) == 2)
        assert [(facts["when"], facts["camera"]) for facts in published] == [
            ("camera_lost", "porch"),
            ("camera_back", "porch"),
        ]

    def test_a_camera_that_is_back_before_anybody_looks_was_lost(self):
        published, camera = [], Statistics()

        def publish(facts):
            if facts["when"] == "camera_back":  # each rule has a thread of its own, and both are asked at once
                patiently(lambda: published.count("camera_lost") > published.count("camera_back"))
            published.append(facts["when"])

        output = lost_and_back(camera, publish)
        with output:
            camera.count("source.lost")
            camera.count("source.back")
            patiently(lambda: len(published) == 2)
            camera.set(AWAY, True)
            patiently(lambda: len(published) == 3)
            camera.count("source.back")
            camera.set(AWAY, False)
            patiently(lambda: len(published) == 4)
        assert published == ["camera_lost", "camera_back"] * 2

    def test_several_cameras_share_the_rules(self):
        published = []
        output = rules(
            replace(APPEARED, mqtt=Publication("door")), publish=lambda topic, facts: published.append(facts)
        )
        shared = SharedOutput(output)
        with shared:
            for name in ("porch", "hall"):
                with shared.front() as front:
                    one = appeared()
                    event = one.events[0] | {"source": name}
                    front.write(replace(one, frame=replace(one.frame, source=name), events=(event,)))
            patiently(lambda: len(published) == 2)
        assert [facts["camera"] for facts in published] == ["porch", "hall"]

    def test_the_pipeline_says_whether_a_camera_is_away(self):
        again, lost, back = threading.Event(), [], []

        recognizer = ScriptedRecognizer()

        def before_read(number):
            if number == 4:
                back.append(recognizer.statistics.states()[AWAY])  # here, as the camera is soon lost again
                again.set()

        def reopen():
            lost.append(recognizer.statistics.states()[AWAY])
            return ScriptedSource(5, live=True, before_read=before_read)

        source = ScriptedSource(2, live=True)  # and it is lost
        with Pipeline(source, recognizer, reopen=reopen) as pipeline:
            assert again.wait(LONG)
            pipeline.stop()
        assert (lost[0], back[0]) == (True, False)


@pytest.mark.skipif(not shutil.which("mosquitto"), reason="mosquitto is not installed")
def test_a_rule_publishes_through_the_runs_broker(tmp_path):
    pytest.importorskip("paho", reason="the extra 'mqtt' is not installed")
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    from edge.outputs.mqtt import MqttOutput
    from edge.outputs.mqtt_address import parse_broker

    port = free_port()
    (tmp_path / "conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    got, subscribed = [], threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _, __, message: got.append((message.topic, json.loads(message.payload)))
    client.on_subscribe = lambda *_: subscribed.set()
    broker = subprocess.Popen(["mosquitto", "-c", tmp_path / "conf"], stderr=subprocess.DEVNULL)
    try:
        patiently(lambda: _listens(port))
        client.connect("127.0.0.1", port)
        client.subscribe("home/hall/rules/#", qos=1)
        client.loop_start()
        assert subscribed.wait(LONG)
        statistics = Statistics()
        connection = MqttOutput(parse_broker(f"mqtt://127.0.0.1:{port}/home/hall"), statistics, ("happy",))
        output = rules(replace(APPEARED, mqtt=Publication("rules/door")), publish=connection.publish)
        with connection, output:
            output.write(appeared())
            patiently(lambda: got)
    finally:
        client.loop_stop()
        broker.terminate()
        broker.wait(LONG)
    topic, facts = got[0]
    assert topic == "home/hall/rules/door"
    assert (facts["rule"], facts["when"], facts["face"]) == ("door", "face_appeared", 1)


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


HOOK = Webhook("https://example.org/hook")


class TestChecks:
    @pytest.mark.parametrize(
        ("rule", "told"),
        [
            pytest.param(Rule("a", "face_appeared"), "rule[1].name: rule a does nothing", id="no action"),
            pytest.param(
                Rule("a", "expression", webhook=HOOK), "rule[1].when: expression needs expression", id="class"
            ),
            pytest.param(
                Rule("a", "faces_reached", webhook=HOOK), "rule[1].when: faces_reached needs faces", id="number"
            ),
            pytest.param(
                Rule("a", "face_left", faces=2, webhook=HOOK), "rule[1].faces: face_left does not use it", id="needless"
            ),
            pytest.param(
                Rule("a", "face_appeared", min_seconds=2, webhook=HOOK),
                "rule[1].min_seconds: face_appeared does not use it: leave it out, or write when = face_left",
                id="a time that nothing lasts",
            ),
            pytest.param(
                Rule("a", "face_left", min_confidence=0.9, webhook=HOOK),
                "rule[1].min_confidence: face_left does not use it",
                id="a confidence of nothing",
            ),
            pytest.param(
                Rule("a", "expression", expression="hapy", webhook=HOOK),
                "rule[1].expression: hapy is no class of the model: write one of angry, ",
                id="unknown class",
            ),
            pytest.param(
                replace(APPEARED, mqtt=Publication("x")), "rule[1].mqtt.topic: there is no broker", id="no broker"
            ),
            pytest.param(
                replace(APPEARED, program=Program(("/nowhere/program",))),
                "rule[1].program.command: /nowhere/program: there is no such program",
                id="no program",
            ),
            pytest.param(
                Rule("a", "camera_lost", snapshot=Snapshot(Path("pictures"))),
                "rule[1].snapshot.folder: camera_lost has no picture",
                id="no picture",
            ),
            pytest.param(
                replace(APPEARED, snapshot=Snapshot(Path("pictures"), publish=True)),
                "rule[1].snapshot.publish: there is no broker",
                id="no broker for a picture",
            ),
            pytest.param(
                replace(APPEARED, webhook=Webhook("https://example.org", variable="HOOK")),
                "rule[1].webhook.variable: there is an address as well",
                id="two addresses",
            ),
        ],
    )
    def test_a_mistake_is_found(self, bundle, rule, told):
        run = Run(rule=(rule,))
        run = replace(run, recognition=replace(run.recognition, model=bundle))
        (mistake,) = rule_conflicts(run)
        assert str(mistake).startswith(told)

    def test_a_rule_without_mistakes(self, bundle, tmp_path):
        program = Program((sys.executable,))
        rule = Rule("a", "expression", expression="happy", mqtt=Publication("x"), webhook=HOOK, program=program)
        run = Run(rule=(rule,), outputs=Outputs(mqtt="mqtt://broker.local"))
        run = replace(run, recognition=replace(run.recognition, model=bundle))
        assert list(rule_conflicts(run)) == list(variable_mistakes(run)) == []

    def test_the_classes_are_those_of_the_bundle_whatever_its_variant(self, bundle):
        run = Run(rule=(Rule("a", "expression", expression="happy", webhook=HOOK),))
        run = replace(run, recognition=replace(run.recognition, model=bundle, variant=AUTO))
        assert list(rule_conflicts(run)) == []

    def test_a_folder_of_snapshots_must_be_one(self, tmp_path):
        (tmp_path / "file").touch()
        run = Run(rule=(replace(APPEARED, snapshot=Snapshot(tmp_path / "file")),))
        (mistake,) = rule_conflicts(run)
        assert mistake.problem == f"rule[1].snapshot.folder: {tmp_path / 'file'}: not a folder"

    def test_names_and_pins_are_used_once(self):
        pytest.importorskip("gpiozero", reason="the extra 'gpio' is not installed")
        rule = replace(APPEARED, gpio=Pin(17))
        told = [str(mistake) for mistake in rule_conflicts(Run(rule=(rule, rule)))]
        assert told == [
            "rule[2].name: there are two rules door: give each a name of its own",
            "rule[2].gpio.pin: another rule has pin 17: name another pin",
        ]

    def test_a_camera_must_be_one_of_several(self):
        cameras = (Camera("porch", "0"), Camera("hall", "1"))
        run = Run(rule=(replace(APPEARED, camera="attic", webhook=HOOK),), camera=cameras)
        (mistake,) = rule_conflicts(run)
        assert str(mistake) == "rule[1].camera: there is no camera attic: write one of porch, hall"
        assert list(rule_conflicts(replace(run, rule=(replace(APPEARED, camera="hall", webhook=HOOK),)))) == []

    @pytest.mark.parametrize("topic", ["a/#", "+/a", "/a"])
    def test_what_is_no_topic(self, topic):
        run = Run(rule=(replace(APPEARED, mqtt=Publication(topic)),), outputs=Outputs(mqtt="mqtt://broker.local"))
        (mistake,) = rule_conflicts(run)
        assert "is no topic" in mistake.problem

    @pytest.mark.parametrize(
        ("value", "told"),
        [
            (None, "the environment variable EE_TEST_HOOK is not set"),
            ("", "the environment variable EE_TEST_HOOK is not set"),
            ("a\nb", "EE_TEST_HOOK has characters that cannot be sent"),
            ("ftp://a", "EE_TEST_HOOK is not the address of a webhook"),
        ],
    )
    def test_variables(self, monkeypatch, value, told):
        monkeypatch.delenv("EE_TEST_HOOK", raising=False)
        if value is not None:
            monkeypatch.setenv("EE_TEST_HOOK", value)
        run = Run(rule=(replace(APPEARED, webhook=Webhook(variable="EE_TEST_HOOK")),))
        (mistake,) = variable_mistakes(run)
        assert mistake.problem == f"rule[1].webhook.variable: {told}"
        assert not value or value not in str(mistake)

    def test_an_address_may_be_a_secret(self, monkeypatch):
        with Hook(status(200)) as hook:
            monkeypatch.setenv("EE_TEST_HOOK", hook.address)
            output = rules(replace(APPEARED, webhook=Webhook(variable="EE_TEST_HOOK")))
            with output:
                output.write(appeared())
                patiently(lambda: hook.asked)
        assert os.environ["EE_TEST_HOOK"] == hook.address
