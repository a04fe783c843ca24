"""MQTT messages of a run, received from a broker, and a page that shows them as Home Assistant reads them."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plain_page
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge.outputs.home_assistant import discovery_topic

TOPIC_PREFIX = "home/hall"
DISCOVERY = discovery_topic(TOPIC_PREFIX)

TIMEOUT = 10.0
"""Seconds to wait for the broker to listen."""


@dataclass(frozen=True)
class Message:
    """A received message; `seconds` counts from the first one."""

    seconds: float
    topic: str
    payload: str


def received(clip: Path) -> list[Message]:
    """Play a clip at its own speed into a broker, and return what a subscriber to all topics receives."""
    messages: list[Message] = []
    begin = time.monotonic()

    def note(_client: Client, _data: None, message: MQTTMessage) -> None:
        messages.append(Message(time.monotonic() - begin, message.topic, message.payload.decode()))

    with _broker() as port, _subscribed(port, note):
        address = f"mqtt://127.0.0.1:{port}/{TOPIC_PREFIX}"
        command = [sys.executable, "-m", "edge.app.cli", "run", clip, "--realtime", "--no-window", "--mqtt", address]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [Message(one.seconds - messages[0].seconds, one.topic, one.payload) for one in messages]


@contextmanager
def _broker() -> Iterator[int]:
    """Run mosquitto and give its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    command = [shutil.which("mosquitto", path="/usr/sbin:/usr/bin") or "mosquitto", "-p", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield port
        finally:
            process.terminate()


@contextmanager
def _subscribed(port: int, note: Any) -> Iterator[None]:
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = note
    client.on_connect = lambda *_: client.subscribe("#")
    _connect(client, port)
    client.loop_start()
    try:
        yield
        time.sleep(1)  # for the last messages
    finally:
        client.disconnect()
        client.loop_stop()


def _connect(client: Client, port: int) -> None:
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        with suppress(ConnectionRefusedError):
            client.connect("127.0.0.1", port)
            return
        time.sleep(0.1)
    raise TimeoutError("the broker does not listen")


def page(messages: list[Message]) -> str:
    """Return a page with the sensors of the discovery message and the values of a state, and the messages below."""
    discovery = next(json.loads(one.payload) for one in messages if one.topic == DISCOVERY)
    shown = next(one for one in messages if one.topic.endswith("/state") and '"emotion": "happy"' in one.payload)
    state = json.loads(shown.payload)
    name = discovery["device"]["name"]
    sensors = [one for one in discovery["components"].values() if one["platform"] in {"sensor", "binary_sensor"}]
    return plain_page.page(
        plain_page.heading(f"Device {name}: its entities {shown.seconds:.0f} s after the start"),
        plain_page.table((_row(one, state) for one in sensors), columns=True),
        plain_page.heading("Messages"),
        plain_page.lines(_line(one) for one in messages if one.topic != DISCOVERY),
    )


def _row(entity: dict[str, Any], state: dict[str, Any]) -> tuple[str, str, str]:
    return entity["name"], _value(entity, state), entity["platform"].replace("_", " ")


def _value(entity: dict[str, Any], state: dict[str, Any]) -> str:
    """Apply the templates that `edge.outputs.home_assistant` writes: a key, or a key and a class."""
    key, name = re.findall(r"value_json\.(\w+)(?:\['(.+?)'\])?", entity["value_template"])[0]
    value = state[key][name] if name else state[key]
    if entity["platform"] == "binary_sensor":
        return "problem" if value else "OK"
    return "unknown" if value is None else f"{value} {entity.get('unit_of_measurement', '')}".strip()


def _line(message: Message) -> str:
    payload = re.sub(r'"t": .*?"source": ".*?"', "…", message.payload)
    payload = re.sub(r'"shares": {.*?}', '"shares": {…}', payload)
    return f"{message.seconds:5.1f} s  {message.topic} {payload}"
