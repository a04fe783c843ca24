"""Publish states and events to an MQTT broker.

Topics below the prefix, which is the path of the broker's address: `state` and `availability`, retained, and `events`.
The discovery message for Home Assistant has a topic of its own.
"""

import json
import logging
import math
import os
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.base.credentials import MQTT_PASSWORD, MQTT_PASSWORD_FILE, MQTT_USER
from edge.base.errors import UserError
from edge.base.machine import package_version
from edge.base.run_statistics import Statistics
from edge.faces.results import FaceResult, FrameResult, MainFace
from edge.outputs.broker import Broker
from edge.outputs.home_assistant import OFFLINE, ONLINE, STATUS_TOPIC, discovery, discovery_topic

log = logging.getLogger(__name__)

CA = "EMOTION_EDGE_MQTT_CA"
"""Environment variable for the certificates of the broker's authority, instead of the system's."""

PUBLISH_INTERVAL = 1.0
"""Least seconds between two states."""

LEFT_OUT = "mqtt.events_left_out"
"""Counter of events that were not published."""

HEARTBEAT = 30.0
"""Seconds after which an unchanged state is published again."""

EXPIRY = 90
"""Seconds after which a state that is not renewed expires: two heartbeats may be lost."""

STEADY = ("fps", "temperature")
"""Keys of the state whose changes do not publish it."""

NO_FRAMES = 10.0
"""Seconds over which the frame rate is measured, and after which there are no frames."""

EVENTS_A_SECOND = 20
"""Most events published in a second; others are counted. Six faces that appear at once make twelve."""

MAX_QUEUED_EVENTS = 200
"""Most events that wait for an acknowledgement, and most that wait for a connection; others are counted."""

KEEPALIVE = 30
"""Keep-alive of MQTT, seconds; after 1.5 times as long the broker publishes the last will."""

PACKET = 4096
"""Largest packet from the broker, bytes; the only expected messages are `online` and `offline`."""

GREETINGS = 5.0
"""Least seconds between two discovery messages on one connection."""

AFTER_FAILURE = 5.0
"""Seconds before the next connection after paho or a callback failed on a message."""

STABLE = 60.0
"""Seconds after which a connection is stable, and its loss is logged again."""

MAX_RECONNECT_DELAY = 60
"""Longest pause between attempts to connect, seconds; pauses begin with one second and double."""

FLUSH_STEP_SECONDS = 0.45
"""Time-out of each of three steps at the end, seconds: a first connection, the broker's acknowledgements, and closing
the connection. Together they are shorter than the pipeline's wait for an output.
"""


@dataclass(frozen=True)
class Scene:
    """The faces in front of the camera.

    Attributes:
        faces: number of faces; None while it is unknown.
        main: the main face with its last event's emotion, see `FrameResult.settled`.
    """

    faces: int | None = None
    main: FaceResult | None = None


UNKNOWN_SCENE = Scene()


def state(
    scene: Scene, fps: float | None, conditions: Mapping[str, Any], left_out: int, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the state as a JSON object.

    Args:
        scene: the latest scene; `UNKNOWN_SCENE` where it is out of date.
        fps: present frame rate; None while it is unknown.
        conditions: states of `edge.base.run_statistics`.
        left_out: number of events that were not published.
        classes: names of the model's classes.

    Returns:
        `emotion`, `confidence` and `shares` (percent, by class) of the main face, null without a face and before its
        first event; `emotion` is also null where the model is not sure. `faces`, the number of faces; `fps`;
        `temperature`, degrees Celsius; `trouble`, a list of words; `events_left_out`.
    """
    main = scene.main
    temperature = conditions.get("temperature")
    trouble = {
        "no frames": fps == 0,
        "slowed down": conditions.get("slowed"),
        "undervoltage": conditions.get("undervoltage"),
    }
    return {
        "emotion": main.emotion if main else None,
        "confidence": _percent(main.confidence) / 100 if main else None,
        "shares": {name: _percent(main.probabilities[i]) if main else None for i, name in enumerate(classes)},
        "faces": scene.faces,
        "fps": None if fps is None else round(fps, 1),
        "temperature": None if temperature is None else round(temperature),
        "trouble": [word for word, there in trouble.items() if there],
        "events_left_out": left_out,
    }


def _percent(probability: float) -> int:
    return round(100 * float(probability))


class MqttOutput:
    """Output to an MQTT broker. `write` never waits for the network, which paho's thread serves.

    A thread of this class runs once a second. It alone publishes states, so that the newest is always the last. States
    need no acknowledgement: those lost with a connection are published again on the next one.

    Nothing is given to paho before the broker has accepted the connection. paho would send it as soon as there is a
    socket, before its own CONNECT, and the broker would close the connection. The lock ensures this. paho holds no lock
    when it calls `_on_pre_connect`, `_on_connect` and the messages' callbacks. It may hold one in `_on_disconnect`,
    which therefore must not take ours.
    """

    name = "mqtt"
    complete = False

    def __init__(self, broker: Broker, statistics: Statistics, classes: Sequence[str]) -> None:
        """Prepare; send nothing yet.

        Args:
            broker: where to publish.
            statistics: of the run.
            classes: names of the model's classes.

        Raises:
            UserError: the file of the password or of the authority cannot be read, or would not be used.
        """
        self._broker, self._statistics, self._classes = broker, statistics, classes
        self._state_topic, self._availability_topic, self._events_topic = (
            f"{broker.prefix}/{name}" for name in ("state", "availability", "events")
        )
        self._ration = _Ration()
        self._main = MainFace()
        self._scene = UNKNOWN_SCENE
        self._published: dict[str, Any] = {}
        self._published_at = self._greeted_at = -math.inf
        self._asked = False  # for the discovery message
        self._told: set[str] = set()  # kinds of trouble logged since the last stable connection
        self._connected_at = -math.inf
        self._refused = False
        self._lock = threading.Lock()
        self._accepted = False
        self._waiting: deque[str | bytes | bytearray] = deque()  # events
        self._client = self._make_client()
        self._tried, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt beat", daemon=True)

    def __enter__(self) -> Self:
        self._connect()
        self._thread.start()
        try:
            self._client.loop_start()
        except RuntimeError:  # no more threads
            self._stopping.set()
            self._thread.join()
            raise
        return self

    def write(self, result: FrameResult) -> None:
        self.end(result.events)
        main = self._main.of(result.faces)
        self._scene = Scene(len(result.faces), result.settled.get(main.id) if main else None)

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        for event in events:
            self._tell(event)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tried.wait(FLUSH_STEP_SECONDS)  # a short run may end before the broker has answered
        self._stopping.set()
        self._thread.join()
        self.publish_state()
        if farewell := self._say_offline():
            with suppress(RuntimeError, ValueError):  # the connection is lost, or the queue is full
                farewell.wait_for_publish(FLUSH_STEP_SECONDS)
        # With the will, so that a broker that has not answered still publishes it later.
        self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
        # On another thread: paho may wait for ever for a broker that does not read, or for a name to be resolved.
        stopper = threading.Thread(target=self._client.loop_stop, name="mqtt stop", daemon=True)
        stopper.start()
        stopper.join(FLUSH_STEP_SECONDS)
        self._statistics.count(LEFT_OUT, len(self._waiting))

    def _make_client(self) -> Client:
        client = _Client(self._on_failure)
        client.will_set(self._availability_topic, OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, MAX_RECONNECT_DELAY)
        client.max_queued_messages_set(MAX_QUEUED_EVENTS)
        _check_variables(self._broker)
        if user := os.environ.get(MQTT_USER):
            client.username_pw_set(user, _password())
        if self._broker.tls:
            client.tls_set_context(_tls())
        client.on_pre_connect = self._on_pre_connect
        client.on_connect, client.on_connect_fail = self._on_connect, self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        # By topic, which paho compares as bytes; `on_message` would fail on a topic that is not UTF-8.
        client.message_callback_add(STATUS_TOPIC, self._on_status)
        client.message_callback_add(self._availability_topic, self._on_availability)
        return client

    def _connect(self) -> None:
        """Let paho connect, or connect again."""
        properties = Properties(PacketTypes.CONNECT)
        properties.MaximumPacketSize = PACKET  # the broker sends no larger packets
        properties.ReceiveMaximum = 1
        address = self._broker.host, self._broker.port
        self._client.connect_async(*address, KEEPALIVE, clean_start=True, properties=properties)

    def _run(self) -> None:
        while not self._stopping.wait(PUBLISH_INTERVAL):
            self.publish_state()

    def publish_state(self) -> None:
        """Publish the state if it has changed or must be renewed."""
        statistics, now = self._statistics, time.monotonic()
        fps = statistics.recent_fps(NO_FRAMES)
        scene = UNKNOWN_SCENE if fps == 0 else self._scene  # faces from before the camera was lost are out of date
        current = state(scene, fps, statistics.states(), statistics.count_of(LEFT_OUT), self._classes)
        changed = any(current[key] != self._published.get(key) for key in current if key not in STEADY)
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = EXPIRY  # later subscribers must not take it for the present
        with self._lock:
            if self._accepted and self._asked and now - self._greeted_at >= GREETINGS:
                self._greet()
            if self._accepted and (changed or now - self._published_at >= HEARTBEAT):
                self._client.publish(self._state_topic, json.dumps(current), retain=True, properties=properties)
                self._published, self._published_at = current, now

    def _tell(self, event: dict[str, Any]) -> None:
        if not self._ration.take() or len(self._waiting) >= MAX_QUEUED_EVENTS:
            self._statistics.count(LEFT_OUT)
            return
        with self._lock:
            self._waiting.append(json.dumps(event))
            if self._accepted:
                self._publish_waiting()

    def _say_offline(self) -> MQTTMessageInfo | None:
        with self._lock:
            if not self._accepted:
                return None
            return self._client.publish(self._availability_topic, OFFLINE, qos=1, retain=True)

    def _publish_waiting(self) -> None:
        """Give the events to paho, which repeats those that are not acknowledged; the caller holds the lock."""
        while self._waiting:
            published = self._client.publish(self._events_topic, self._waiting.popleft(), qos=1)
            if published.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                self._statistics.count(LEFT_OUT)

    def _greet(self) -> None:
        """Publish the discovery message and the availability; the caller holds the lock."""
        version = package_version("emotion-edge")
        prefix = self._broker.prefix
        message = discovery(prefix, self._state_topic, self._availability_topic, version, EXPIRY, self._classes)
        self._client.publish(discovery_topic(prefix), json.dumps(message), retain=True)
        self._client.publish(self._availability_topic, ONLINE, retain=True)
        self._asked, self._greeted_at = False, time.monotonic()
        self._published_at = -math.inf  # the next state restores what the broker has forgotten

    def _on_pre_connect(self, client: Client, _: Any) -> None:
        with self._lock:  # a publisher has finished before there is a socket again
            self._accepted = False

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, __: Any) -> None:
        self._refused = reason.is_failure
        if self._refused:
            self._trouble(
                f"refused by the broker ({reason}): check {MQTT_USER} and {MQTT_PASSWORD} or {MQTT_PASSWORD_FILE}; "
                "trying again"
            )
            return
        with self._lock:
            if self._stopping.is_set():
                client.disconnect()
                return
            self._accepted = True
            self._greet()
            client.subscribe([(STATUS_TOPIC, 0), (self._availability_topic, 0)])
            # paho would send unacknowledged events after newer ones.
            self._waiting.extendleft(message.payload for message in reversed(client.drop_out_messages()))
            self._publish_waiting()
            self._connected_at = time.monotonic()
        if self._told:
            self._warn_once("connected")
        self._tried.set()

    def _on_connect_fail(self, client: Client, _: Any) -> None:
        # paho calls this while it handles the error, but does not pass it on.
        self._trouble(f"no connection ({sys.exc_info()[1]}); trying again")

    def _on_disconnect(self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, __: Any) -> None:
        if self._accepted and time.monotonic() - self._connected_at >= STABLE:
            self._told.clear()
        self._accepted = False
        if not (self._refused or self._stopping.is_set()):
            self._trouble(f"connection lost ({reason}); trying again")

    def _on_failure(self, error: Exception) -> bool:
        """Prepare for another connection; return whether to make one. Called in paho's thread."""
        self._accepted = False
        self._trouble(f"failed ({type(error).__name__}: {error}); trying again")
        log.debug("%s", self._broker.host, exc_info=error)
        self._connect()
        return not self._stopping.wait(AFTER_FAILURE)

    def _on_status(self, client: Client, _: Any, message: MQTTMessage) -> None:
        if message.payload == ONLINE.encode():
            self._asked = True

    def _on_availability(self, client: Client, _: Any, message: MQTTMessage) -> None:
        if message.payload == OFFLINE.encode():
            # The will of an earlier connection, which the broker has only now given up.
            self._asked = True

    def _trouble(self, what: str) -> None:
        self._warn_once(what)
        self._tried.set()

    def _warn_once(self, what: str) -> None:
        """Log each kind of trouble once until a connection has been stable."""
        log.log(logging.INFO if what in self._told else logging.WARNING, "%s: %s", self._broker.host, what)
        self._told.add(what)


class _Client(Client):
    """paho's client, protected against harmful messages."""

    def __init__(self, failed: Callable[[Exception], bool]) -> None:
        """Prepare; `failed` is called with an exception and returns whether to continue."""
        # The broker chooses the client's id, so that no other client is disconnected.
        super().__init__(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self._failed = failed

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """Run paho's loop, which would end at the first packet on which it or a callback fails."""
        while True:
            try:
                return super().loop_forever(timeout, retry_first_connection)
            except Exception as error:  # noqa: BLE001 any error; the next connection may work
                if not self._failed(error):
                    return MQTTErrorCode.MQTT_ERR_UNKNOWN

    def _sock_recv(self, bufsize: int) -> bytes:
        """Refuse to read a packet that is too large: paho has no limit and reads its rest at once."""
        if bufsize > PACKET:
            raise ConnectionError(f"a packet of more than {PACKET} bytes")
        return super()._sock_recv(bufsize)


class _Ration:
    """Limit on events per second."""

    def __init__(self) -> None:
        self._since, self._left = -math.inf, 0

    def take(self) -> bool:
        """Take one; return False if none is left."""
        now = time.monotonic()
        if now - self._since >= 1.0:
            self._since, self._left = now, EVENTS_A_SECOND
        self._left -= 1
        return self._left >= 0


def _check_variables(broker: Broker) -> None:
    """Refuse variables that are set but would not be used."""
    for name in (MQTT_PASSWORD, MQTT_PASSWORD_FILE):
        if os.environ.get(name) and not os.environ.get(MQTT_USER):
            raise UserError(f"{name} is set, and {MQTT_USER} is not", f"set {MQTT_USER}, too, or neither")
    if os.environ.get(CA) and not broker.tls:
        raise UserError(f"{CA} is set, but the broker's address has no TLS", "write it as mqtts://")


def _password() -> str | None:
    if not (path := os.environ.get(MQTT_PASSWORD_FILE)):
        return os.environ.get(MQTT_PASSWORD)
    try:
        return Path(path).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no password can be read from it", f"name another by {MQTT_PASSWORD_FILE}") from error


def _tls() -> ssl.SSLContext:
    path = os.environ.get(CA)
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise UserError(f"{path}: no certificates can be read from it", f"name another by {CA}") from error
