"""Publishing, to a real mosquitto on this machine where it is installed."""

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from edge.app import cli
from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.listen import free_port
from edge.base.run_statistics import Statistics
from edge.base.settings import EventLimits
from edge.faces.events import EVERY_CHANGE, Events
from edge.model.release import Release, Releases
from edge.outputs import mqtt, mqtt_camera
from edge.outputs.home_assistant import STATUS_TOPIC, discovery_topic, whole_run_topic
from edge.outputs.mqtt import MqttConnection, MqttOutput
from edge.outputs.mqtt_address import Broker
from edge.outputs.mqtt_camera import UNKNOWN_SCENE, Scene, state
from edge.pipeline.gate import SWITCH, Gate

from ..certificates import self_signed
from ..patience import LONG, patiently
from ..raw_broker import ACCEPTED, CONNACK, CONNECT, DISCONNECT, PUBLISH, RawBroker, length, publish
from ..stand_ins import face, result

ROOT = Path(__file__).parents[3]
HAPPY, NEUTRAL = 3, 4
PREFIX = "home/hall"
STATE, AVAILABILITY, EVENTS, PAUSE = (f"{PREFIX}/{name}" for name in ("state", "availability", "events", "pause"))

pytestmark = pytest.mark.usefixtures("no_threads_left")


@pytest.mark.parametrize(
    ("scene", "fps", "conditions", "expected"),
    [
        pytest.param(
            UNKNOWN_SCENE, None, {}, {"faces": None, "emotion": None, "fps": None, "trouble": []}, id="nothing yet"
        ),
        pytest.param(Scene(0), 12.34, {}, {"faces": 0, "emotion": None, "fps": 12.3, "trouble": []}, id="nobody"),
        pytest.param(
            *(Scene(3, face(HAPPY)), 10.0, {}), {"faces": 3, "emotion": "happy", "confidence": 0.7}, id="a main face"
        ),
        pytest.param(Scene(1), 10.0, {}, {"faces": 1, "emotion": None, "confidence": None}, id="one that is new"),
        pytest.param(Scene(1, face(None)), 10.0, {}, {"faces": 1, "emotion": None, "confidence": 0.7}, id="unsure"),
        pytest.param(UNKNOWN_SCENE, 0.0, {}, {"trouble": ["no frames"]}, id="no frames"),
        pytest.param(
            *(UNKNOWN_SCENE, 9.0, {"temperature": 81.7, "slowed": True, "undervoltage": True}),
            {"temperature": 82, "trouble": ["slowed down", "undervoltage"]},
            id="a board in trouble",
        ),
    ],
)
def test_the_state(scene, fps, conditions, expected):
    found = state(scene, fps, conditions, 0, EMOTIONS)
    assert {key: found[key] for key in expected} == expected


def test_the_shares_are_of_the_main_face_in_percent():
    shares = state(Scene(1, face(HAPPY, 0.7)), 10.0, {}, 0, EMOTIONS)["shares"]
    assert shares == {name: 70 if name == "happy" else 5 for name in EMOTIONS}
    assert set(state(UNKNOWN_SCENE, 10.0, {}, 0, EMOTIONS)["shares"].values()) == {None}


@pytest.mark.parametrize("probability", [0.374, 0.375, 0.495, 0.505, 0.625, 0.99961])
def test_the_confidence_is_the_share_of_the_emotion(probability):
    found = state(Scene(1, face(HAPPY, probability)), 10.0, {}, 0, EMOTIONS)
    assert round(100 * found["confidence"], 6) == found["shares"]["happy"]


class Mosquitto:
    """A broker with a configuration of its own; what it keeps is gone when it is killed."""

    def __init__(self, program, folder, *settings):
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        # As root it would become another user, who cannot read the test's files.
        lines = ["user root", "persistence false", f"listener {self.port} 127.0.0.1", *settings]
        self._config.write_text("\n".join(lines) + "\n")
        self._command = [program, "-c", str(self._config)]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        patiently(self._answers)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def _answers(self):
        assert self.process.poll() is None, "mosquitto has ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def mosquitto(tmp_path):
    """`mosquitto(*settings)` gives a broker that has not been started; it is gone when the test is over."""
    if not (program := shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")):
        pytest.skip("mosquitto is not installed here")
    made = []

    def make(*settings):
        made.append(Mosquitto(program, tmp_path, *(settings or ("allow_anonymous true",))))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()


@pytest.fixture
def broker(mosquitto):
    """One that runs and takes everybody."""
    made = mosquitto()
    made.start()
    return made


class Subscriber:
    """Keeps what is published, and what the broker had kept before."""

    def __init__(self, port):
        self.messages, self._ready = [], []
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self._client.on_message = lambda client, _, message: self.messages.append(message)
        self._client.on_subscribe = lambda *_: self._ready.append(True)
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("#", qos=1)

    def __enter__(self):
        self._client.loop_start()
        patiently(lambda: self._ready)
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic, payload):
        self._client.publish(topic, payload)

    def keep(self, topic, payload):
        self._client.publish(topic, payload, retain=True, qos=1).wait_for_publish(LONG)

    def on(self, topic):
        return [message.payload.decode() for message in self.messages.copy() if message.topic == topic]

    def states(self):
        return [json.loads(payload) for payload in self.on(STATE)]

    def wait(self, topic, payload):
        patiently(lambda: payload in self.on(topic))

    def wait_for_state(self, **expected):
        patiently(lambda: any(expected.items() <= found.items() for found in self.states()))


class Fed(MqttOutput):
    """Gets its results with their events, as in a pipeline."""

    def __init__(self, broker, statistics, limits):
        super().__init__(broker, statistics, EMOTIONS)
        self._happening = Events(limits)

    def write(self, result):
        super().write(self._happening.add_to(result))

    def __exit__(self, kind, error, trace):
        if error is None:
            self.end(self._happening.end())
        super().__exit__(kind, error, trace)


def automation(port, statistics=None, tls=False, limits=EVERY_CHANGE):
    return Fed(Broker("127.0.0.1", port, tls, PREFIX), statistics or Statistics(), limits)


def events_of(shown):
    events = Events(EVERY_CHANGE)
    return [event for one in shown for event in events.update(one)]


def connected(output):
    return patiently(lambda: output.client.is_connected())


@pytest.fixture
def quick(monkeypatch):
    """Beats and the first pauses are short."""
    monkeypatch.setattr(mqtt, "PUBLISH_INTERVAL", 0.05)
    monkeypatch.setattr(mqtt, "MAX_RECONNECT_DELAY", 1)
    monkeypatch.setattr(mqtt_camera, "NO_FRAMES", 10_000)  # nobody counts frames here
    monkeypatch.setattr(mqtt, "GREETINGS", 0)
    monkeypatch.setattr(mqtt, "AFTER_FAILURE", 0.01)


@pytest.fixture
def by_hand(monkeypatch):
    """Beats come only when the test calls for one, and the end waits for what is still to come."""
    monkeypatch.setattr(mqtt, "PUBLISH_INTERVAL", 3600)
    monkeypatch.setattr(mqtt, "FLUSH_STEP_SECONDS", LONG)


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


class TestCameras:
    """One connection for several cameras, and the switches that pause them."""

    @pytest.fixture
    def run(self, broker, quick):
        """`run(name, …)` gives a connection, by name the statistics and gates of its cameras, and a subscriber."""

        @contextmanager
        def running(*names, pictured=()):
            cameras = {name: (Statistics(), Gate()) for name in names}
            address = Broker("127.0.0.1", broker.port, False, PREFIX)
            connection = MqttConnection(address, Statistics(), EMOTIONS, cameras)
            connection.pictured = pictured
            with Subscriber(broker.port) as subscriber, connection:
                subscriber.wait(AVAILABILITY, "online")
                yield connection, cameras, subscriber

        return running

    def test_each_has_topics_and_a_device_of_its_own(self, run):
        with run("porch", "yard") as (connection, _, subscriber):
            shown = result(0, face(HAPPY))
            connection.cameras["yard"].write(Events(EVERY_CHANGE).add_to(shown))
            patiently(lambda: any('"happy"' in one for one in subscriber.on(f"{PREFIX}/yard/events")))
            patiently(lambda: any(json.loads(one)["faces"] == 1 for one in subscriber.on(f"{PREFIX}/yard/state")))
            subscriber.wait(f"{PREFIX}/porch/availability", "online")
            (message,) = set(subscriber.on(discovery_topic(f"{PREFIX}/porch")))
            (whole,) = set(subscriber.on(whole_run_topic(PREFIX)))
        device, hub = json.loads(message), json.loads(whole)["device"]
        assert device["device"]["via_device"] == hub["identifiers"][0]
        topics = [one["topic"] for one in device["availability"]]
        assert topics == [AVAILABILITY, f"{PREFIX}/porch/availability"]
        assert device["availability_mode"] == "all"
        assert all(json.loads(one)["faces"] is None for one in subscriber.on(f"{PREFIX}/porch/state"))

    def test_a_command_adjusts_the_confidence_of_one_cameras_events(self, run):
        with run("porch", "yard") as (connection, _, subscriber):
            events = {name: SimpleNamespace(event_limits=EventLimits(min_confidence=0.5)) for name in ("porch", "yard")}
            for name, adjusted in events.items():
                connection.cameras[name].adjusts = adjusted
            subscriber.wait(f"{PREFIX}/yard/confidence", "0.5")
            for payload in ("nonsense", "nan", "1.5", "", "0.75"):
                subscriber.publish(f"{PREFIX}/yard/confidence/set", payload)
            subscriber.wait(f"{PREFIX}/yard/confidence", "0.75")
            assert events["yard"].event_limits == EventLimits(min_confidence=0.75)
            assert events["porch"].event_limits == EventLimits(min_confidence=0.5)
            assert set(subscriber.on(f"{PREFIX}/yard/confidence")) == {"0.5", "0.75"}

    def test_a_picture_is_shown_by_its_own_camera_and_not_kept(self, run, broker):
        with run("porch", "yard", pictured={"yard"}) as (connection, _, subscriber):
            connection.show("yard", b"a picture")
            subscriber.wait(f"{PREFIX}/yard/snapshot", "a picture")
            messages = [set(subscriber.on(discovery_topic(f"{PREFIX}/{name}"))) for name in ("porch", "yard")]
            with Subscriber(broker.port) as late:
                late.wait(f"{PREFIX}/yard/availability", "online")
                assert not late.on(f"{PREFIX}/yard/snapshot")
        entities = [json.loads(message)["components"] for (message,) in messages]
        assert ["picture" in one for one in entities] == [False, True]
        assert entities[1]["picture"]["image_topic"] == f"{PREFIX}/yard/snapshot"

    def test_a_camera_that_has_ended_is_not_available_while_the_other_is(self, run):
        with run("porch", "yard") as (_, cameras, subscriber):
            cameras["yard"][0].set("ended", True)
            subscriber.wait(f"{PREFIX}/yard/availability", "offline")
            assert "offline" not in subscriber.on(f"{PREFIX}/porch/availability")

    def test_a_command_pauses_one_camera_or_all(self, run):
        with run("porch", "yard") as (_, cameras, subscriber):
            (_, porch), (_, yard) = cameras.values()
            subscriber.publish(f"{PREFIX}/yard/pause/set", "ON")
            patiently(lambda: yard.paused)
            subscriber.wait(f"{PREFIX}/yard/pause", "ON")
            assert not porch.paused
            subscriber.publish(f"{PREFIX}/pause/set", "ON")
            patiently(lambda: porch.paused)
            subscriber.wait(PAUSE, "ON")
            subscriber.publish(f"{PREFIX}/pause/set", "nonsense")
            subscriber.publish(f"{PREFIX}/pause/set", "OFF")
            patiently(lambda: not porch.paused and not yard.paused)
            patiently(lambda: subscriber.on(PAUSE)[-1] == subscriber.on(f"{PREFIX}/yard/pause")[-1] == "OFF")

    def test_a_paused_camera_has_no_faces_and_no_trouble(self, run, monkeypatch):
        monkeypatch.setattr(mqtt_camera, "NO_FRAMES", 1e-9)
        with run("porch") as (connection, cameras, subscriber):
            connection.cameras["porch"].write(result(0, face(HAPPY)))
            states = lambda: [json.loads(one) for one in subscriber.on(f"{PREFIX}/porch/state")]  # noqa: E731
            patiently(lambda: states() and states()[-1]["trouble"] == ["no frames"])
            cameras["porch"][1].set(SWITCH, True)
            patiently(lambda: states()[-1]["trouble"] == [])
            assert states()[-1]["faces"] is None

    def test_a_camera_that_is_taken_out_of_the_configuration_is_removed(self, run, broker):
        with run("porch", "yard") as (connection, _, subscriber):
            patiently(lambda: connection.cameras["yard"].published)
            subscriber.wait(f"{PREFIX}/yard/availability", "online")
        with run("porch") as (_, _, subscriber):
            subscriber.wait(discovery_topic(f"{PREFIX}/yard"), "")
            subscriber.wait(f"{PREFIX}/yard/availability", "")
        with Subscriber(broker.port) as late:
            late.wait(f"{PREFIX}/cameras", '["porch"]')
            patiently(lambda: late.on(discovery_topic(f"{PREFIX}/porch")))
            assert not [message.topic for message in late.messages if "yard" in message.topic]

    def test_a_run_of_one_camera_takes_the_place_of_several_and_several_that_of_one(self, run, broker, quick):
        with run("porch") as (connection, _, _):
            patiently(lambda: connection.only.published)
        with automation(broker.port) as output, Subscriber(broker.port) as subscriber:
            subscriber.wait(AVAILABILITY, "online")
            patiently(lambda: output.only.published)
            patiently(lambda: not self.kept(broker, "porch") and not self.kept(broker, "-all/"))
        with run("porch"):
            patiently(lambda: not self.kept(broker, discovery_topic(PREFIX)))

    def kept(self, broker, part):
        with Subscriber(broker.port) as late:
            late.wait(AVAILABILITY, "online")
            return [message.topic for message in late.messages if part in message.topic and message.payload]


def test_the_switch_of_a_run_of_one_camera_pauses_it(broker, quick):
    gate = Gate()
    with (
        Subscriber(broker.port) as subscriber,
        MqttOutput(Broker("127.0.0.1", broker.port, False, PREFIX), Statistics(), EMOTIONS, gate),
    ):
        subscriber.wait(PAUSE, "OFF")
        subscriber.publish(f"{PAUSE}/set", "ON")
        subscriber.wait(PAUSE, "ON")
        assert gate.reasons == (SWITCH,)


def test_a_command_that_the_broker_has_kept_is_not_for_now(broker, quick):
    gate = Gate()
    with Subscriber(broker.port) as subscriber:
        subscriber.keep(f"{PAUSE}/set", "ON")
        with MqttOutput(Broker("127.0.0.1", broker.port, False, PREFIX), Statistics(), EMOTIONS, gate):
            subscriber.wait(PAUSE, "OFF")
            subscriber.publish(STATUS_TOPIC, "online")
            patiently(lambda: len(subscriber.on(discovery_topic(PREFIX))) > 1)
            assert not gate.paused


class TestPublishing:
    def test_who_comes_later_finds_state_availability_and_discovery(self, broker, quick):
        with automation(broker.port) as output:
            output.write(result(0, face(HAPPY)))
            for _ in range(2):
                with Subscriber(broker.port) as late:
                    late.wait(AVAILABILITY, "online")
                    late.wait_for_state(emotion="happy", faces=1)
                    (message,) = patiently(lambda late=late: late.on(discovery_topic(PREFIX)))
                    assert json.loads(message)["state_topic"] == STATE
                    assert json.loads(message)["availability_topic"] == AVAILABILITY

    def test_releases_of_the_model_are_an_entity_as_soon_as_there_are_any(self, broker, quick):
        with automation(broker.port) as output, Subscriber(broker.port) as subscriber:
            output.write(result(0, face(HAPPY)))
            subscriber.wait_for_state(emotion="happy")
            assert "model" not in json.loads(subscriber.on(discovery_topic(PREFIX))[-1])["components"]
            output.releases = lambda: Releases(Release(8, "tiny", "stable", "1" * 64))
            subscriber.wait_for_state(release=8, offered=None)
            patiently(lambda: "model" in json.loads(subscriber.on(discovery_topic(PREFIX))[-1])["components"])

    def test_what_is_kept_is_marked_so_and_what_happens_is_not(self, broker, quick):
        with automation(broker.port) as output:
            output.write(result(0, face(HAPPY)))
            patiently(lambda: output.only.published)
        with Subscriber(broker.port) as late:
            late.wait(AVAILABILITY, "offline")
            kept = {STATE, AVAILABILITY, PAUSE, discovery_topic(PREFIX)}  # which come in any order
            patiently(lambda: {message.topic for message in late.messages} >= kept)
            assert {message.topic for message in late.messages} == kept
            assert all(message.retain for message in late.messages)
            (state,) = [message for message in late.messages if message.topic == STATE]
            assert 0 < state.properties.MessageExpiryInterval <= mqtt.EXPIRY

    def test_events_come_in_order_and_a_second_subscriber_has_them_too(self, broker, by_hand):
        shown = [result(0, face(HAPPY)), result(1, face(NEUTRAL)), result(5)]
        expected = events_of(shown)
        assert [event["event"] for event in expected][-1] == "face_left"
        with Subscriber(broker.port) as one, Subscriber(broker.port) as other:
            with automation(broker.port) as output:
                for shown_ in shown:
                    output.write(shown_)
            for subscriber in (one, other):
                subscriber.wait(AVAILABILITY, "offline")
                assert [json.loads(payload) for payload in subscriber.on(EVENTS)] == expected
                assert {m.qos for m in subscriber.messages if m.topic == EVENTS} == {1}

    def test_events_that_come_while_the_connection_is_made_wait_for_it(self, broker, by_hand, caplog):
        shown = [result(0, face(HAPPY)), result(1, face(NEUTRAL)), result(5)]
        opened, told = threading.Event(), threading.Event()
        output = automation(broker.port)
        # paho has the socket by now, and has sent nothing.
        output.client.on_socket_open = lambda *_: (opened.set(), told.wait(20))
        with Subscriber(broker.port) as subscriber:
            with output:
                assert opened.wait(20)
                for shown_ in shown:
                    output.write(shown_)
                told.set()
                connected(output)
            subscriber.wait(AVAILABILITY, "offline")
            assert [json.loads(payload) for payload in subscriber.on(EVENTS)] == events_of(shown)
        assert warnings(caplog) == []

    def test_events_of_a_lost_connection_are_sent_again_before_the_next(self, by_hand, monkeypatch):
        monkeypatch.setattr(mqtt, "FLUSH_STEP_SECONDS", 0.1)  # nothing is ever acknowledged
        shown = [result(i, face((HAPPY, NEUTRAL)[i % 2])) for i in range(6)]
        with RawBroker() as broker, automation(broker.port) as output:
            first = broker.accept()
            for shown_ in shown[:3]:
                output.write(shown_)
            expected = [json.dumps(event).encode() for event in events_of(shown)]
            assert [first.published(EVENTS) for _ in expected[:4]] == expected[:4]  # none is acknowledged
            first.close()
            second = broker.wait()  # the connection is made, and not accepted
            for shown_ in shown[3:]:
                output.write(shown_)
            assert second.read()[0] == CONNECT
            second.send(ACCEPTED)
            assert [second.published(EVENTS) for _ in expected] == expected

    def test_an_emotion_that_does_not_last_is_neither_an_event_nor_the_state(self, broker, by_hand):
        """Frames are a second apart."""
        with Subscriber(broker.port) as subscriber:
            with automation(broker.port, limits=EventLimits(min_seconds=1.0)) as output:
                subscriber.wait(AVAILABILITY, "online")  # from here on only changes are published
                for seq, label in enumerate([HAPPY, HAPPY, NEUTRAL, HAPPY, NEUTRAL, NEUTRAL]):
                    output.write(result(seq, face(label, probability=0.8)))
                    output.publish_state()
            subscriber.wait(AVAILABILITY, "offline")
            told = [json.loads(payload) for payload in subscriber.on(EVENTS)]
            assert [event.get("to") for event in told if event["event"] == "emotion_changed"] == ["happy", "neutral"]
            states = [(found["emotion"], found["shares"]["happy"]) for found in subscriber.states()]
            assert states == [(None, None), ("happy", 80), ("neutral", 3)]

    def test_the_main_face_is_the_largest_until_another_is_clearly_larger(self, broker, by_hand):
        def box(side):
            return (0, 0, side, side)

        with Subscriber(broker.port) as subscriber:
            with automation(broker.port) as output:
                subscriber.wait(AVAILABILITY, "online")
                for seq, (one, other) in enumerate([(100, 90), (100, 105), (100, 115), (100, 105)]):
                    output.write(result(seq, face(HAPPY, box=box(one)), face(NEUTRAL, box=box(other), number=2)))
                    output.publish_state()
            subscriber.wait(AVAILABILITY, "offline")
            assert [found["emotion"] for found in subscriber.states()] == ["happy", "neutral"]

    def test_whoever_is_there_at_the_end_leaves_unless_the_run_failed(self, broker, by_hand):
        with Subscriber(broker.port) as subscriber:
            with automation(broker.port) as output:
                connected(output)
                output.write(result(0, face(HAPPY)))
            subscriber.wait(AVAILABILITY, "offline")
            assert json.loads(subscriber.on(EVENTS)[-1])["event"] == "face_left"
        with Subscriber(broker.port) as subscriber:
            with suppress(ZeroDivisionError), automation(broker.port) as output:
                connected(output)
                output.write(result(0))
                raise ZeroDivisionError
            patiently(lambda: "offline" in subscriber.on(AVAILABILITY)[1:])  # the first was kept from before
            assert subscriber.on(EVENTS) == []

    def test_a_state_is_published_when_it_changes_or_is_to_be_renewed(self, broker, by_hand, monkeypatch):
        statistics = Statistics()
        with Subscriber(broker.port) as subscriber, automation(broker.port, statistics) as output:
            connected(output)
            subscriber.wait(AVAILABILITY, "online")
            for faces in ([face(HAPPY)], [face(HAPPY)], []):
                output.write(result(0, *faces))
                output.publish_state()
                output.publish_state()
            statistics.set("temperature", 60.0)  # is no news by itself
            output.publish_state()
            monkeypatch.setattr(mqtt_camera, "HEARTBEAT", 0)
            output.publish_state()
            patiently(lambda: len(subscriber.states()) == 3)
            assert [(found["faces"], found["temperature"]) for found in subscriber.states()] == [
                *((1, None), (0, None), (0, 60))
            ]

    def test_frames_that_stay_away_are_trouble_and_what_was_seen_is_no_longer_true(self, broker, by_hand, monkeypatch):
        monkeypatch.setattr(mqtt_camera, "NO_FRAMES", 1e-9)
        statistics = Statistics()
        with Subscriber(broker.port) as subscriber, automation(broker.port, statistics) as output:
            connected(output)
            output.write(result(0, face(HAPPY)))
            statistics.answered()
            output.publish_state()
            subscriber.wait_for_state(emotion=None, faces=None, fps=0.0, trouble=["no frames"])
            monkeypatch.setattr(mqtt_camera, "NO_FRAMES", 10_000)
            statistics.answered()
            output.publish_state()
            subscriber.wait_for_state(emotion="happy", faces=1, trouble=[])

    def test_home_assistant_is_told_again_when_it_has_started(self, broker, by_hand, monkeypatch):
        monkeypatch.setattr(mqtt, "GREETINGS", 0)
        with Subscriber(broker.port) as subscriber, automation(broker.port) as output:
            subscriber.wait(AVAILABILITY, "online")
            assert len(subscriber.on(discovery_topic(PREFIX))) == 1
            for status in ("offline", "online"):
                subscriber.publish(STATUS_TOPIC, status)
            patiently(lambda: output.publish_state() or len(subscriber.on(discovery_topic(PREFIX))) == 2)
            subscriber.wait_for_state(emotion=None)

    def test_a_flood_of_events_is_capped_and_counted(self, broker, by_hand):
        statistics, events = Statistics(), Events(EVERY_CHANGE)
        shown = [result(i, face((HAPPY, NEUTRAL)[i % 2])) for i in range(10_000)]
        happened = sum(len(events.update(one)) for one in shown) + len(events.end())
        with Subscriber(broker.port) as subscriber:
            with automation(broker.port, statistics) as output:
                for one in shown:
                    output.write(one)
                    unacknowledged = output.client._out_messages  # noqa: SLF001 - paho tells no one their number
                    assert len(unacknowledged) <= mqtt.MAX_QUEUED_EVENTS
                connected(output)
            subscriber.wait(AVAILABILITY, "offline")
            received = len(subscriber.on(EVENTS))
            left_out = statistics.count_of("mqtt.events_left_out")
            assert mqtt_camera.EVENTS_A_SECOND <= received < happened / 2
            assert received + left_out == happened
            assert subscriber.states()[-1]["events_left_out"] == left_out


class TestBroker:
    """Brokers that are away, come back, or refuse."""

    def test_one_that_is_away_at_the_start_gets_the_newest_state(self, mosquitto, quick, caplog):
        broker = mosquitto()
        with automation(broker.port) as output:
            output.write(result(0, face(HAPPY)))
            output.write(result(1, face(NEUTRAL)))
            patiently(lambda: len(caplog.records) >= 1)
            broker.start()
            with Subscriber(broker.port) as subscriber:
                subscriber.wait(AVAILABILITY, "online")
                subscriber.wait_for_state(emotion="neutral")
                assert {found["emotion"] for found in subscriber.states()} == {"neutral"}
        told = warnings(caplog)
        assert len(told) == 2, told
        assert "no connection" in told[0]
        assert told[1].endswith("connected")

    def test_one_that_stays_away_changes_nothing_and_what_waits_for_it_is_bounded(self, by_hand, monkeypatch, caplog):
        monkeypatch.setattr(mqtt_camera, "EVENTS_A_SECOND", 10**6)
        statistics = Statistics()
        with automation(free_port(), statistics) as output:
            for i in range(1000):
                output.write(result(i, face((HAPPY, NEUTRAL)[i % 2])))
            assert statistics.count_of("mqtt.events_left_out") == 1000 + 1 - mqtt.MAX_QUEUED_EVENTS
        assert statistics.count_of("mqtt.events_left_out") == 1000 + 1 + 1
        assert len(warnings(caplog)) <= 1

    def test_one_that_forgets_everything_in_the_middle_is_told_again(self, broker, quick, caplog):
        with automation(broker.port) as output:
            output.write(result(0, face(HAPPY)))
            with Subscriber(broker.port) as before:
                before.wait_for_state(emotion="happy")
            broker.kill()
            patiently(lambda: any("connection lost" in line for line in warnings(caplog)))
            output.write(result(1, face(HAPPY), face(NEUTRAL, number=2)))
            broker.start()
            with Subscriber(broker.port) as after:
                after.wait(AVAILABILITY, "online")
                after.wait_for_state(emotion="happy", faces=2)
                patiently(lambda: after.on(discovery_topic(PREFIX)))
                output.write(result(2, face(NEUTRAL), face(NEUTRAL, number=2)))
                patiently(lambda: after.on(EVENTS) and json.loads(after.on(EVENTS)[-1]).get("to") == "neutral")
        assert warnings(caplog)[-1].endswith("connected")

    def test_one_that_never_says_a_word_does_not_hold_the_end_back(self, quick):
        with socket.create_server(("127.0.0.1", 0)) as mute:
            output = automation(mute.getsockname()[1]).__enter__()
            connection, _ = mute.accept()
            output.write(result(0, face(HAPPY)))
            connection.recv(1000)
            stopping = threading.Thread(target=output.__exit__, args=(None, None, None))
            stopping.start()
            stopping.join(10)  # a keep-alive would wait longer
            assert not stopping.is_alive()
        connection.close()

    def test_one_that_is_stopped_at_the_end_learns_of_it_afterwards(self, broker, quick):
        with Subscriber(broker.port) as subscriber:
            with automation(broker.port) as output:
                output.write(result(0, face(HAPPY)))
                subscriber.wait_for_state(emotion="happy")
                broker.process.send_signal(signal.SIGSTOP)
            broker.process.send_signal(signal.SIGCONT)
            subscriber.wait(AVAILABILITY, "offline")

    @pytest.fixture
    def strict(self, mosquitto, tmp_path):
        """One that wants a user and a password."""
        if not (program := shutil.which("mosquitto_passwd")):
            pytest.skip("mosquitto_passwd is not installed here")
        subprocess.run([program, "-c", "-b", str(tmp_path / "users"), "me", "right secret"], check=True)
        made = mosquitto("allow_anonymous false", f"password_file {tmp_path / 'users'}")
        made.start()
        return made

    def test_a_wrong_password_is_told_once_and_tried_again_slowly(self, strict, quick, monkeypatch, caplog):
        monkeypatch.setenv(mqtt.MQTT_USER, "me")
        monkeypatch.setenv(mqtt.MQTT_PASSWORD, "wrong secret")
        monkeypatch.setattr(mqtt, "MAX_RECONNECT_DELAY", 60)
        caplog.set_level(logging.DEBUG)
        with automation(strict.port) as output:
            output.write(result(0, face(HAPPY)))
            patiently(lambda: len([r for r in caplog.records if "refused" in r.getMessage()]) >= 2)
            # The pause, which paho tells no one, doubles, perhaps more than once by now.
            patiently(lambda: (output.client._reconnect_delay or 0) >= 2)  # noqa: SLF001
        # An event sent after the refusal may break the connection before the refusal is read: that is told as a loss.
        refusals = [warning for warning in warnings(caplog) if "refused" in warning]
        assert len(refusals) == 1
        assert mqtt.MQTT_PASSWORD in refusals[0]
        assert "Not authorized" in refusals[0]
        assert "secret" not in caplog.text

    @pytest.mark.parametrize("by", ["variable", "file"])
    def test_the_right_one_lets_in(self, strict, quick, monkeypatch, tmp_path, caplog, by):
        monkeypatch.setenv(mqtt.MQTT_USER, "me")
        if by == "file":
            (tmp_path / "secret").write_text("right secret\n")
            monkeypatch.setenv(mqtt.MQTT_PASSWORD, "wrong secret")  # the file is asked first
            monkeypatch.setenv(mqtt.MQTT_PASSWORD_FILE, str(tmp_path / "secret"))
        else:
            monkeypatch.setenv(mqtt.MQTT_PASSWORD, "right secret")
        with automation(strict.port) as output:
            connected(output)
        assert warnings(caplog) == []

    def test_a_late_will_of_an_older_connection_is_contradicted(self, broker, quick, caplog):
        with Subscriber(broker.port) as subscriber, automation(broker.port):
            subscriber.wait(AVAILABILITY, "online")
            subscriber.publish(AVAILABILITY, "offline")
            patiently(lambda: subscriber.on(AVAILABILITY) == ["online", "offline", "online"])
        assert warnings(caplog) == []


class TestHostile:
    """Brokers, and other clients of theirs, that send what they like."""

    def test_a_packet_that_announces_much_is_not_read(self, quick):
        """A client that reads on would take 256 MB, and then wait for the rest."""
        with RawBroker() as broker, automation(broker.port):
            client = broker.accept()
            client.send(bytes([PUBLISH << 4]) + length((1 << 28) - 1))
            with suppress(ConnectionError):  # hung up with what it has not read
                for _ in range(1000):
                    client.send(bytes(1 << 16))
                pytest.fail("64 MB were read")
            broker.accept()

    def test_a_large_message_of_another_client_stays_at_the_broker(self, broker, by_hand, monkeypatch, caplog):
        monkeypatch.setattr(mqtt, "GREETINGS", 0)
        with Subscriber(broker.port) as subscriber, automation(broker.port) as output:
            subscriber.wait(AVAILABILITY, "online")
            for topic in (STATUS_TOPIC, AVAILABILITY):
                subscriber.publish(topic, bytes(1 << 20))
            subscriber.publish(STATUS_TOPIC, "online")
            patiently(lambda: output.publish_state() or len(subscriber.on(discovery_topic(PREFIX))) == 2)
        assert warnings(caplog) == []

    @pytest.mark.parametrize(
        "packet",
        [
            pytest.param(bytes([CONNACK << 4, 0]), id="an answer without content"),
            pytest.param(bytes([PUBLISH << 4, 3]) + b"\x00\x09a", id="a topic that is cut off"),
            pytest.param(bytes([PUBLISH << 4, 4]) + b"\x00\x01a\xff", id="properties that are cut off"),
            pytest.param(publish(b"a", b"", b"\x7f\x00"), id="an unknown property"),
            pytest.param(publish(b"a", b"", b"\x03\x00\x01\xff"), id="a property that is no UTF-8"),
            pytest.param(bytes([9 << 4, 0]), id="a subscription without content"),
            pytest.param(bytes([DISCONNECT << 4, 1, 0x7B]), id="an end for an unknown reason"),
        ],
    )
    def test_after_a_packet_that_cannot_be_read_there_is_another_connection(self, quick, caplog, packet):
        with RawBroker() as broker, automation(broker.port):
            for _ in range(2):
                broker.accept().send(packet)
            broker.accept()
        assert 1 <= len(warnings(caplog)) <= 3

    def test_one_that_hangs_up_again_and_again_is_told_once(self, quick, caplog):
        caplog.set_level(logging.INFO)
        with RawBroker() as broker, automation(broker.port):
            for _ in range(4):
                broker.accept().close()
        assert len([record for record in caplog.records if "connection lost" in record.getMessage()]) >= 3
        assert len(warnings(caplog)) == 2, "lost, and connected again"

    def test_after_a_stable_connection_the_next_loss_is_news(self, quick, monkeypatch, caplog):
        monkeypatch.setattr(mqtt, "STABLE", 0)
        with RawBroker() as broker, automation(broker.port):
            for _ in range(3):
                broker.accept().close()
        assert len([told for told in warnings(caplog) if "connection lost" in told]) >= 2

    def test_a_topic_that_is_no_text_means_nothing(self, by_hand, monkeypatch, caplog):
        monkeypatch.setattr(mqtt, "FLUSH_STEP_SECONDS", 0.1)
        with RawBroker() as broker, automation(broker.port):
            client = broker.accept()
            client.send(publish(b"\xff\xfe", b"online"))
            client.ping()
        assert warnings(caplog) == []

    def test_a_callback_that_fails_is_told_and_survived(self, quick, monkeypatch, caplog):
        with RawBroker() as broker:
            output = automation(broker.port)
            output.client.message_callback_add(STATUS_TOPIC, lambda *_: 1 / 0)
            with output:
                broker.accept().send(publish(STATUS_TOPIC.encode(), b"online"))
                broker.accept()
        assert "failed (ZeroDivisionError: division by zero); trying again" in warnings(caplog)[0]

    @pytest.mark.parametrize(("topic", "word"), [(STATUS_TOPIC, b"online"), (AVAILABILITY, b"offline")])
    def test_who_asks_often_is_answered_once(self, by_hand, monkeypatch, topic, word):
        monkeypatch.setattr(mqtt, "FLUSH_STEP_SECONDS", 0.1)
        monkeypatch.setattr(mqtt, "GREETINGS", 0)
        with RawBroker() as broker, automation(broker.port) as output:
            client = broker.accept()
            client.ping()
            for _ in range(3):
                client.send(publish(topic.encode(), word) * 1000)
                client.ping()
                output.publish_state()
                monkeypatch.setattr(mqtt, "GREETINGS", 3600)  # none is due after the first
            client.ping()
            introductions = [body for body in client.seen if discovery_topic(PREFIX).encode() in body]
            assert len(introductions) == 2, "one for the connection, one for all who asked"


PUBLISHER = """
import sys, time
from edge.outputs.mqtt_address import parse_broker
from edge.outputs.mqtt import MqttOutput
from edge.base.run_statistics import Statistics
with MqttOutput(parse_broker(sys.argv[1]), Statistics(), ['happy', 'sad']):
    time.sleep(60)
"""


def test_a_killed_process_is_reported_by_its_last_will(broker):
    with Subscriber(broker.port) as subscriber:
        address = f"mqtt://127.0.0.1:{broker.port}/{PREFIX}"
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, "-c", PUBLISHER, address], env=environment)
        try:
            subscriber.wait(AVAILABILITY, "online")
        finally:
            process.kill()
            process.wait()
        subscriber.wait(AVAILABILITY, "offline")


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path):
        """A certificate of 127.0.0.1, and its key."""
        return self_signed(tmp_path)

    @pytest.fixture
    def encrypted(self, mosquitto, authority):
        certificate, key = authority
        made = mosquitto("allow_anonymous true", f"certfile {certificate}", f"keyfile {key}")
        made.start()
        return made

    def test_a_broker_whose_authority_is_named_is_believed(self, encrypted, authority, quick, monkeypatch, caplog):
        monkeypatch.setenv(mqtt.CA, str(authority[0]))
        with automation(encrypted.port, tls=True) as output:
            connected(output)
        assert warnings(caplog) == []

    def test_a_broker_that_nobody_vouches_for_is_not(self, encrypted, quick, monkeypatch, caplog):
        monkeypatch.delenv(mqtt.CA, raising=False)
        with automation(encrypted.port, tls=True) as output:
            patiently(lambda: warnings(caplog))
            assert not output.client.is_connected()
        assert "certificate verify failed" in warnings(caplog)[0]


@pytest.mark.parametrize("variable", ["CA", "MQTT_PASSWORD_FILE"])
@pytest.mark.parametrize("content", [None, b"\xff\xfe no text"])
def test_files_that_cannot_be_used_are_told_before_the_run(tmp_path, monkeypatch, variable, content):
    path = tmp_path / "file"
    if content:
        path.write_bytes(content)
    monkeypatch.setenv(mqtt.MQTT_USER, "me")
    monkeypatch.setenv(getattr(mqtt, variable), str(path))
    with pytest.raises(UserError, match="can be read from it") as caught:
        automation(free_port(), tls=True)
    assert str(path) in caught.value.problem
    assert getattr(mqtt, variable) in caught.value.remedy


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("MQTT_PASSWORD", "PASSWORD is set, and EMOTION_EDGE_MQTT_USER is not"),
        ("MQTT_PASSWORD_FILE", "PASSWORD_FILE is set, and EMOTION_EDGE_MQTT_USER is not"),
        ("CA", "has no TLS"),
    ],
)
def test_a_variable_that_would_not_be_used_is_refused(monkeypatch, variable, message):
    monkeypatch.setenv(getattr(mqtt, variable), "some secret")
    with pytest.raises(UserError, match=message) as caught:
        automation(free_port())
    assert "some secret" not in str(caught.value)


@pytest.mark.usefixtures("yunet")
def test_a_run_publishes_from_the_command_line(broker, by_hand, bundle, write_clip, tmp_path, capsys):
    clip = write_clip(tmp_path / "clip.avi")
    with Subscriber(broker.port) as subscriber:
        address = f"mqtt://127.0.0.1:{broker.port}/{PREFIX}"
        assert cli.main(["run", str(clip), "--model", str(bundle), "--no-window", "--mqtt", address]) == 0
        subscriber.wait(AVAILABILITY, "offline")
    assert "told to others" in capsys.readouterr().out


@pytest.mark.usefixtures("yunet")
def test_a_wrong_address_is_one_line_before_the_run(bundle, write_clip, tmp_path, capsys):
    clip, records = write_clip(tmp_path / "clip.avi"), tmp_path / "r.jsonl"
    run = ["run", str(clip), "--model", str(bundle), "--no-window", "--jsonl", str(records)]
    assert cli.main([*run, "--mqtt", "mqtt://me:secret@127.0.0.1"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("emotion-edge: mqtt://127.0.0.1: credentials do not belong on a command line")
    assert "secret" not in error
    assert not records.exists()
