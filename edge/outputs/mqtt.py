"""Tells an MQTT broker, and through it a home's automation, what is seen: a state that is kept, and events.

Topics, under the prefix that the broker's address ends in: `state` and `availability`, retained, and `events`; besides,
the discovery message for Home Assistant.
"""

import json
import logging
import math
import os
import socket
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
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.base.classes import EMOTIONS
from edge.base.credentials import refuse_credentials
from edge.base.errors import UserError
from edge.base.machine import package_version
from edge.base.run_statistics import Statistics
from edge.faces.results import FaceResult, FrameResult, MainFace
from edge.outputs.home_assistant import OFFLINE, ONLINE, STATUS_TOPIC, discovery, discovery_topic

log = logging.getLogger(__name__)

MQTT_USER, MQTT_PASSWORD, MQTT_PASSWORD_FILE = (
    f"EMOTION_EDGE_MQTT_{name}" for name in ("USER", "PASSWORD", "PASSWORD_FILE")
)
"""Environment variables for credentials; the file is for secrets that others put there, as systemd and Docker do."""

CA = "EMOTION_EDGE_MQTT_CA"
"""Environment variable for the file of the authority that signed the broker's certificate, in place of the system's."""

PORTS = {"mqtt": 1883, "mqtts": 8883}

PUBLISH_INTERVAL = 1.0
"""Seconds between two states at least."""

LEFT_OUT = "mqtt.events_left_out"
"""Counter of the events that were not published."""

HEARTBEAT = 30.0
"""Seconds after which a state is published that has not changed."""

EXPIRY = 90
"""Seconds after which a state that was not renewed holds no more: two heartbeats may be lost."""

STEADY = ("fps", "temperature")
"""Keys of the state whose changes alone publish nothing."""

NO_FRAMES = 10.0
"""Seconds over which frames a second are counted, and after which there are none."""

EVENTS_A_SECOND = 20
"""Events that are published; those beyond are counted. Six faces that come at once bring twelve."""

QUEUED = 200
"""Events that wait for the broker's acknowledgement, and as many for a connection; those beyond are counted."""

KEEPALIVE = 30
"""Seconds; after one and a half times as many without a sign of life the broker publishes the last will."""

PACKET = 4096
"""Bytes of a packet that is taken from the broker: there is nothing to be learnt from it but `online` and `offline`."""

GREETINGS = 5.0
"""Seconds at least between two introductions on one connection, however often others ask for them."""

AFTER_FAILURE = 5.0
"""Seconds before the next connection where paho, or a callback, failed with what the broker sent."""

STABLE = 60.0
"""Seconds for which a connection has lasted before its loss is news again: brokers flap."""

MAX_RECONNECT_DELAY = 60
"""Seconds between two attempts to connect; the first pause is a second, and each is twice the one before."""

FLUSH = 0.45
"""Seconds that each of three things gets at the end: a first connection to come about, the broker to acknowledge what
was sent, and the connection to close. Together they are less than the pipeline waits for an output.
"""


@dataclass(frozen=True)
class Broker:
    """Address of a broker.

    Attributes:
        host: its name or address.
        port: its port.
        tls: whether the connection is encrypted, and the broker's certificate verified.
        prefix: of all topics.
    """

    host: str
    port: int
    tls: bool
    prefix: str


def parse_broker(address: str) -> Broker:
    """The broker that `mqtt://host[:port][/prefix]`, or `mqtts://`, means; the prefix is `emotion-edge/<this host>`.

    Raises:
        UserError: it is no such address, or has credentials in it.
    """
    refuse_credentials(address, MQTT_USER, MQTT_PASSWORD)
    parts = urlsplit(address, allow_fragments=False)
    prefix = parts.path.strip("/") or f"emotion-edge/{socket.gethostname()}"
    try:
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        host.encode("idna")
        if not host or parts.query or set(prefix) & set("+#@"):
            raise ValueError
    except (ValueError, KeyError):
        # It is not repeated: whatever it is, there may be a password in it.
        problem = "--mqtt: this is not the address of a broker"
        raise UserError(problem, "write it as mqtt://host, mqtts://host:8883 or mqtt://host/prefix") from None
    return Broker(host, port, parts.scheme == "mqtts", prefix)


@dataclass(frozen=True)
class Scene:
    """The faces in front of the camera.

    Attributes:
        faces: how many there are; None while that is not known.
        main: the main face as it last was when it showed the emotion last told of it, see `FrameResult.settled`.
    """

    faces: int | None = None
    main: FaceResult | None = None


UNKNOWN = Scene()


def state(scene: Scene, fps: float | None, conditions: Mapping[str, Any], left_out: int) -> dict[str, Any]:
    """The JSON object of what is the case.

    Args:
        scene: the newest; `UNKNOWN` where there is none that is still true.
        fps: frames a second at present; None while it is not known yet.
        conditions: the states of `edge.base.run_statistics`.
        left_out: events that were not published.

    Returns:
        `emotion`, `confidence` and `shares` (percent, of each emotion) of the main face; null where there is none, and
        before it has shown anything for long enough; `emotion` is null as well where the model is not sure. `faces`,
        how many; `fps`; `temperature`, degrees Celsius; `trouble`, a list of words; `events_left_out`.
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
        "shares": {name: _percent(main.probabilities[i]) if main else None for i, name in enumerate(EMOTIONS)},
        "faces": scene.faces,
        "fps": None if fps is None else round(fps, 1),
        "temperature": None if temperature is None else round(temperature),
        "trouble": [word for word, there in trouble.items() if there],
        "events_left_out": left_out,
    }


def _percent(probability: float) -> int:
    return round(100 * float(probability))


class HomeAutomation:
    """An output. `write` never waits for the network: paho's thread has it, and a thread of this beats once a second.

    Only the beat publishes states, so that the newest is always the last. States need no acknowledgement: whatever a
    broken connection has swallowed is published again on the next one.

    Nothing is handed to paho before the broker has accepted the connection: paho asks only for a socket, would send it
    ahead of its own CONNECT, and the broker would hang up. The lock is what makes this certain. paho holds none of its
    own where it calls `_on_pre_connect`, `_on_connect` and the messages' callbacks; it may hold one in
    `_on_disconnect`, which therefore must not take ours.
    """

    name = "mqtt"
    complete = False

    def __init__(self, broker: Broker, statistics: Statistics) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            UserError: the file of the password or of the authority cannot be read, or would be for nothing.
        """
        self._broker, self._statistics = broker, statistics
        self._state_topic, self._availability_topic, self._events_topic = (
            f"{broker.prefix}/{name}" for name in ("state", "availability", "events")
        )
        self._ration = _Ration()
        self._main = MainFace()
        self._scene = UNKNOWN
        self._published: dict[str, Any] = {}
        self._published_at = self._greeted_at = -math.inf
        self._asked = False  # for an introduction
        self._told: set[str] = set()  # events that were warned of since the last stable connection
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
        self._tried.wait(FLUSH)  # a short run is over before the broker has answered
        self._stopping.set()
        self._thread.join()
        self._beat()
        if farewell := self._say_offline():
            with suppress(RuntimeError, ValueError):  # the connection is lost, or there is no room in the queue
                farewell.wait_for_publish(FLUSH)
        # With the will, for a broker that has not answered is still to know what to say of us when it comes to itself.
        self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
        # Aside: paho would wait for ever, where a broker does not take the last bytes, or a name is being resolved.
        stopper = threading.Thread(target=self._client.loop_stop, name="mqtt stop", daemon=True)
        stopper.start()
        stopper.join(FLUSH)
        self._statistics.count(LEFT_OUT, len(self._waiting))

    def _make_client(self) -> Client:
        client = _Client(self._on_failure)
        client.will_set(self._availability_topic, OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, MAX_RECONNECT_DELAY)
        client.max_queued_messages_set(QUEUED)
        _check_variables(self._broker)
        if user := os.environ.get(MQTT_USER):
            client.username_pw_set(user, _password())
        if self._broker.tls:
            client.tls_set_context(_tls())
        client.on_pre_connect = self._on_pre_connect
        client.on_connect, client.on_connect_fail = self._on_connect, self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        # By topic, which paho compares: a topic that is no text, and that `on_message` could not read, is none of them.
        client.message_callback_add(STATUS_TOPIC, self._on_status)
        client.message_callback_add(self._availability_topic, self._on_availability)
        return client

    def _connect(self) -> None:
        """Have paho connect, anew where it is connected."""
        properties = Properties(PacketTypes.CONNECT)
        properties.MaximumPacketSize = PACKET  # the broker keeps to itself what is larger
        properties.ReceiveMaximum = 1
        address = self._broker.host, self._broker.port
        self._client.connect_async(*address, KEEPALIVE, clean_start=True, properties=properties)

    def _run(self) -> None:
        while not self._stopping.wait(PUBLISH_INTERVAL):
            self._beat()

    def _beat(self) -> None:
        """Publish the state where it has changed, or is to be renewed."""
        statistics, now = self._statistics, time.monotonic()
        fps = statistics.recent_fps(NO_FRAMES)
        scene = UNKNOWN if fps == 0 else self._scene  # what was seen before the camera was lost is not the case now
        current = state(scene, fps, statistics.states(), statistics.count_of(LEFT_OUT))
        changed = any(current[key] != self._published.get(key) for key in current if key not in STEADY)
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = EXPIRY  # who subscribes much later is not to take it for the present
        with self._lock:
            if self._accepted and self._asked and now - self._greeted_at >= GREETINGS:
                self._greet()
            if self._accepted and (changed or now - self._published_at >= HEARTBEAT):
                self._client.publish(self._state_topic, json.dumps(current), retain=True, properties=properties)
                self._published, self._published_at = current, now

    def _tell(self, event: dict[str, Any]) -> None:
        if not self._ration.take() or len(self._waiting) >= QUEUED:
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
        """Hand the events to paho, which sends again what is not acknowledged; the caller has the lock."""
        while self._waiting:
            published = self._client.publish(self._events_topic, self._waiting.popleft(), qos=1)
            if published.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                self._statistics.count(LEFT_OUT)

    def _greet(self) -> None:
        """Tell Home Assistant which entities there are, and all that they are there; the caller has the lock."""
        version = package_version("emotion-edge")
        prefix = self._broker.prefix
        message = discovery(prefix, self._state_topic, self._availability_topic, version, EXPIRY)
        self._client.publish(discovery_topic(prefix), json.dumps(message), retain=True)
        self._client.publish(self._availability_topic, ONLINE, retain=True)
        self._asked, self._greeted_at = False, time.monotonic()
        self._published_at = -math.inf  # whatever the broker has forgotten, the next state brings

    def _on_pre_connect(self, client: Client, _: Any) -> None:
        with self._lock:  # whoever is publishing has done so before there is a socket again
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
            # paho would send what was not acknowledged after the newer ones.
            self._waiting.extendleft(message.payload for message in reversed(client.drop_out_messages()))
            self._publish_waiting()
            self._connected_at = time.monotonic()
        if self._told:
            self._warn_once("connected")
        self._tried.set()

    def _on_connect_fail(self, client: Client, _: Any) -> None:
        # paho calls this while it handles the error, and does not hand it over.
        self._trouble(f"no connection ({sys.exc_info()[1]}); trying again")

    def _on_disconnect(self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, __: Any) -> None:
        if self._accepted and time.monotonic() - self._connected_at >= STABLE:
            self._told.clear()
        self._accepted = False
        if not (self._refused or self._stopping.is_set()):
            self._trouble(f"connection lost ({reason}); trying again")

    def _on_failure(self, error: Exception) -> bool:
        """Prepare for another connection; whether there is to be one. Called in paho's thread."""
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
            # The will of a connection that was lost before this one, and that the broker has only now given up.
            self._asked = True

    def _trouble(self, what: str) -> None:
        self._warn_once(what)
        self._tried.set()

    def _warn_once(self, what: str) -> None:
        """Warn once of each kind of event until a connection has been stable."""
        log.log(logging.INFO if what in self._told else logging.WARNING, "%s: %s", self._broker.host, what)
        self._told.add(what)


class _Client(Client):
    """paho's client, made to survive what a broker may send."""

    def __init__(self, failed: Callable[[Exception], bool]) -> None:
        """Prepare; `failed` is told of an exception, and returns whether to go on."""
        # Named by the broker: nobody is to be driven out.
        super().__init__(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self._failed = failed

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """Run as paho's thread does, which would end with the first packet that it, or a callback, does not bear."""
        while True:
            try:
                return super().loop_forever(timeout, retry_first_connection)
            except Exception as error:  # noqa: BLE001 whatever it is, the next connection may do without
                if not self._failed(error):
                    return MQTTErrorCode.MQTT_ERR_UNKNOWN

    def _sock_recv(self, bufsize: int) -> bytes:
        """Refuse to read a packet that is too large: paho asks for its whole rest at once, and has no limit for it."""
        if bufsize > PACKET:
            raise ConnectionError(f"a packet of more than {PACKET} bytes")
        return super()._sock_recv(bufsize)


class _Ration:
    """So many events a second."""

    def __init__(self) -> None:
        self._since, self._left = -math.inf, 0

    def take(self) -> bool:
        """Take one; return False where none is left."""
        now = time.monotonic()
        if now - self._since >= 1.0:
            self._since, self._left = now, EVENTS_A_SECOND
        self._left -= 1
        return self._left >= 0


def _check_variables(broker: Broker) -> None:
    """Refuse variables that are set and would not be used."""
    for name in (MQTT_PASSWORD, MQTT_PASSWORD_FILE):
        if os.environ.get(name) and not os.environ.get(MQTT_USER):
            raise UserError(f"{name} is set, and {MQTT_USER} is not", f"set {MQTT_USER}, too, or neither")
    if os.environ.get(CA) and not broker.tls:
        raise UserError(f"{CA} is set, and the broker's address is one without TLS", "write it as mqtts://")


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
