"""Publish states and events to an MQTT broker, over one connection for all cameras of a run.

Topics below the prefix, which is the path of the broker's address: `state`, `availability`, `pause` and `confidence`,
retained, `events`, `snapshot`, and `pause/set` and `confidence/set` for commands. Where there are several cameras,
each has these below a level of its own name. At the prefix itself are then the availability of the run, `pause` of
all cameras, and `cameras`, the names that the broker knows. The discovery messages for Home Assistant have topics of
their own.
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
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
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
from edge.base.values import parse_camera
from edge.faces.results import FrameResult
from edge.model.release import Releases
from edge.outputs.home_assistant import (
    OFFLINE,
    ONLINE,
    STATUS_TOPIC,
    discovery,
    discovery_topic,
    whole_run,
    whole_run_topic,
)
from edge.outputs.mqtt_address import Broker
from edge.outputs.mqtt_camera import LEFT_OUT, OFF, ON, MqttCamera
from edge.pipeline.gate import Gate

log = logging.getLogger(__name__)

CA = "EMOTION_EDGE_MQTT_CA"
"""Environment variable for the certificates of the broker's authority, instead of the system's."""

PUBLISH_INTERVAL = 1.0
"""Least seconds between two states."""

EXPIRY = 90
"""Seconds after which a state that is not renewed expires: two heartbeats may be lost."""

MAX_QUEUED_EVENTS = 200
"""Most events that wait for an acknowledgement, and most that wait for a connection; others are counted."""

KEEPALIVE = 30
"""Keep-alive of MQTT, seconds; after 1.5 times as long the broker publishes the last will."""

PACKET = 4096
"""Largest packet from the broker, bytes; the only expected messages are words, and names of cameras."""

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


class MqttConnection:
    """Connection to an MQTT broker. Outputs never wait for the network, which paho's thread serves.

    A thread of this class runs once a second. It alone publishes states, so that the newest is always the last. States
    need no acknowledgement: those lost with a connection are published again on the next one.

    Nothing is given to paho before the broker has accepted the connection. paho would send it as soon as there is a
    socket, before its own CONNECT, and the broker would close the connection. The lock ensures this. paho holds no lock
    when it calls `_on_pre_connect`, `_on_connect` and the messages' callbacks. It may hold one in `_on_disconnect`,
    which therefore must not take ours.

    Attributes:
        name: name in the statistics.
        cameras: each camera as an output, by its name; that of a run's only camera is empty.
        client: paho's client.
        releases: returns the release of the model in use, and the newest one for this board.
        pictured: names of the cameras of which pictures are shown.
    """

    name = "mqtt"

    def __init__(
        self,
        broker: Broker,
        statistics: Statistics,
        classes: Sequence[str],
        cameras: Mapping[str, tuple[Statistics, Gate]],
    ) -> None:
        """Prepare; send nothing yet.

        Args:
            broker: where to publish.
            statistics: of the run.
            classes: names of the model's classes.
            cameras: statistics and gates of the cameras by their names; that of a run's only camera is empty.

        Raises:
            UserError: the file of the password or of the authority cannot be read, or would not be used.
        """
        self._broker, self._statistics, self._classes = broker, statistics, classes
        self._several, prefix = "" not in cameras, broker.prefix
        self._availability_topic, self._pause_topic, self._names_topic = (
            f"{prefix}/{name}" for name in ("availability", "pause", "cameras")
        )
        self.cameras = {
            name: MqttCamera(f"{prefix}/{name}" if name else prefix, *camera, self._tell)
            for name, camera in cameras.items()
        }
        self.releases: Callable[[], Releases] = Releases
        self.pictured: Collection[str] = ()
        self._released = False  # whether the discovery messages have an entity for releases
        self._greeted_at = -math.inf
        self._asked = False  # for the discovery message
        self._told: set[str] = set()  # kinds of trouble logged since the last stable connection
        self._connected_at = -math.inf
        self._refused = False
        self._lock = threading.Lock()
        self._accepted = False
        self._waiting: deque[tuple[str, str | bytes | bytearray]] = deque()  # topics and messages
        self.client = self._make_client()
        self._tried, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt beat", daemon=True)

    @property
    def only(self) -> MqttCamera:
        """The first camera, which is a run's only one where there is no other."""
        return next(iter(self.cameras.values()))

    def __enter__(self) -> Self:
        self._connect()
        self._thread.start()
        try:
            self.client.loop_start()
        except RuntimeError:  # no more threads
            self._stopping.set()
            self._thread.join()
            raise
        return self

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Publish JSON to a topic below the prefix, from any thread; messages that may not wait are counted."""
        self._queue(f"{self._broker.prefix}/{topic}", message, self._statistics)

    def show(self, camera: str, picture: bytes) -> None:
        """Publish a camera's picture, a JPEG; the broker does not keep it, nor does it wait for a connection.

        Args:
            camera: name of the camera; of a run's only camera whatever its source is called.
            picture: the picture.
        """
        topic = self.cameras.get(camera, self.only).picture
        with self._lock:
            if self._accepted:
                self.client.publish(topic, picture)

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
        self.client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
        # On another thread: paho may wait for ever for a broker that does not read, or for a name to be resolved.
        stopper = threading.Thread(target=self.client.loop_stop, name="mqtt stop", daemon=True)
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
        client.message_callback_add(self._names_topic, self._on_names)
        for topic in self._commands:
            client.message_callback_add(topic, self._on_command)
        return client

    def _connect(self) -> None:
        """Let paho connect, or connect again."""
        properties = Properties(PacketTypes.CONNECT)
        properties.MaximumPacketSize = PACKET  # the broker sends no larger packets
        properties.ReceiveMaximum = 1
        address = self._broker.host, self._broker.port
        self.client.connect_async(*address, KEEPALIVE, clean_start=True, properties=properties)

    def _run(self) -> None:
        while not self._stopping.wait(PUBLISH_INTERVAL):
            self.publish_state()

    def publish_state(self) -> None:
        """Publish the states that have changed or must be renewed."""
        board, releases, now = self._statistics.states(), self.releases(), time.monotonic()
        numbers = releases.numbers() if releases.known else {}
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = EXPIRY  # later subscribers must not take it for the present
        with self._lock:
            if releases.known and not self._released:
                self._released = self._asked = True
            if self._accepted and self._asked and now - self._greeted_at >= GREETINGS:
                self._greet()
            for camera in self.cameras.values() if self._accepted else ():
                self._publish_switches(camera)
                current = camera.now(self._classes, board) | numbers
                if camera.is_due(current, now):
                    self.client.publish(camera.state, json.dumps(current), retain=True, properties=properties)
                    camera.published, camera.published_at = current, now

    def _publish_switches(self, camera: MqttCamera) -> None:
        """Publish pause, confidence and availability where they have changed; the caller holds the lock."""
        wanted = {camera.pause: camera.switch, camera.confidence: camera.least_confidence}
        if self._several:
            paused = all(one.switch == ON for one in self.cameras.values())
            wanted |= {
                camera.availability: OFFLINE if camera.ended else ONLINE,
                self._pause_topic: ON if paused else OFF,
            }
        for topic, payload in wanted.items():
            if payload and camera.told.get(topic) != payload:
                self.client.publish(topic, payload, qos=1, retain=True)
                camera.told[topic] = payload

    def _tell(self, camera: MqttCamera, event: dict[str, Any]) -> None:
        self._queue(camera.events, event, camera.statistics)

    def _queue(self, topic: str, message: dict[str, Any], statistics: Statistics) -> None:
        with self._lock:
            if len(self._waiting) >= MAX_QUEUED_EVENTS:
                statistics.count(LEFT_OUT)
                return
            self._waiting.append((topic, json.dumps(message)))
            if self._accepted:
                self._publish_waiting()

    def _say_offline(self) -> MQTTMessageInfo | None:
        with self._lock:
            if not self._accepted:
                return None
            for camera in self.cameras.values() if self._several else ():
                self.client.publish(camera.availability, OFFLINE, qos=1, retain=True)
            return self.client.publish(self._availability_topic, OFFLINE, qos=1, retain=True)

    def _publish_waiting(self) -> None:
        """Give messages to paho, which repeats those that are not acknowledged; the caller holds the lock."""
        while self._waiting:
            topic, message = self._waiting.popleft()
            if self.client.publish(topic, message, qos=1).rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                self._statistics.count(LEFT_OUT)

    def _greet(self) -> None:
        """Publish the discovery messages and the availability; the caller holds the lock."""
        version, prefix = package_version("emotion-edge"), self._broker.prefix
        if self._several:
            whole = whole_run(prefix, self._availability_topic, self._pause_topic, version)
            self.client.publish(whole_run_topic(prefix), json.dumps(whole), retain=True)
        for name, camera in self.cameras.items():
            message = discovery(
                camera.prefix,
                camera.state,
                camera.availability,
                version,
                EXPIRY,
                self._classes,
                pause=camera.pause,
                events=camera.events,
                confidence=camera.confidence,
                picture=camera.picture if name in self.pictured else "",
                part_of=prefix if self._several else "",
                released=self._released,
            )
            self.client.publish(discovery_topic(camera.prefix), json.dumps(message), retain=True)
            camera.told = {}
            camera.published_at = -math.inf  # the next state restores what the broker has forgotten
        self.client.publish(self._availability_topic, ONLINE, retain=True)
        self._asked, self._greeted_at = False, time.monotonic()

    def _greet_first(self) -> None:
        """Replace what another configuration has left at the broker; the caller holds the lock."""
        self.client.subscribe([(topic, 0) for topic in (STATUS_TOPIC, self._availability_topic, self._names_topic)])
        self.client.subscribe([(topic, 0) for topic in self._commands])
        if self._several:
            self.client.publish(self._names_topic, json.dumps(list(self.cameras)), retain=True)
            self._clear(self._broker.prefix)  # of a run of one camera

    def _clear(self, prefix: str) -> None:
        """Remove a camera from the broker and from Home Assistant; the caller holds the lock."""
        for topic in (discovery_topic(prefix), f"{prefix}/state"):
            self.client.publish(topic, b"", retain=True)

    @property
    def _commands(self) -> list[str]:
        """Topics of commands that pause and adjust."""
        topics = [self._pause_topic]
        for camera in self.cameras.values():
            topics += [camera.pause, camera.confidence]
        return list(dict.fromkeys(f"{topic}/set" for topic in topics))

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
            self._greet_first()
            self._greet()
            # paho would send unacknowledged events after newer ones.
            # Those that are retained are published anew.
            lost = [message for message in reversed(client.drop_out_messages()) if not message.retain]
            self._waiting.extendleft((message.topic, message.payload) for message in lost)
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

    def _on_names(self, client: Client, _: Any, message: MQTTMessage) -> None:
        """Remove the cameras that an earlier configuration of this prefix had, and this one has not."""
        try:
            names = json.loads(message.payload) if message.retain and message.payload else []
            gone = [parse_camera(name) for name in names if name not in self.cameras]
        except (ValueError, TypeError):  # another program's
            return
        with self._lock:
            for name in gone if self._accepted else ():
                prefix = f"{self._broker.prefix}/{name}"
                self._clear(prefix)
                for topic in (f"{prefix}/availability", f"{prefix}/pause", f"{prefix}/confidence"):
                    client.publish(topic, b"", retain=True)
            if names and self._accepted and not self._several:
                for topic in (self._names_topic, whole_run_topic(self._broker.prefix)):
                    client.publish(topic, b"", retain=True)

    def _on_command(self, client: Client, _: Any, message: MQTTMessage) -> None:
        """Pause, resume or adjust; a command that the broker has kept is not for now."""
        for camera in self.cameras.values() if not message.retain else ():
            if message.topic in (f"{self._pause_topic}/set", f"{camera.pause}/set"):
                camera.command(bytes(message.payload))
            elif message.topic == f"{camera.confidence}/set":
                camera.adjust(bytes(message.payload))

    def _trouble(self, what: str) -> None:
        self._warn_once(what)
        self._tried.set()

    def _warn_once(self, what: str) -> None:
        """Log each kind of trouble once until a connection has been stable."""
        log.log(logging.INFO if what in self._told else logging.WARNING, "%s: %s", self._broker.host, what)
        self._told.add(what)


class MqttOutput(MqttConnection):
    """Output of a run's only camera, with the connection."""

    complete = False

    def __init__(
        self, broker: Broker, statistics: Statistics, classes: Sequence[str], gate: Gate | None = None
    ) -> None:
        """Prepare; see `MqttConnection`."""
        super().__init__(broker, statistics, classes, {"": (statistics, gate or Gate())})

    def write(self, result: FrameResult) -> None:
        self.only.write(result)

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        self.only.end(events)


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
