"""Discovery message for Home Assistant, by which the device's entities appear.

The format is that of device discovery, https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload, which
Home Assistant supports since 2024.12.
"""

import re
from collections.abc import Sequence
from typing import Any

from edge.base.classes import key_of

STATUS_TOPIC = "homeassistant/status"
EVENTS = ("face_appeared", "emotion_changed", "face_left")
"""Types of the event entity, which are the events of a run; see `edge.faces.events`."""

ONLINE, OFFLINE = "online", "offline"
"""Payloads of the availability of Home Assistant and its devices."""

MEASUREMENT = {"state_class": "measurement"}
DIAGNOSTIC = {"entity_category": "diagnostic"}
JPEG = {"content_type": "image/jpeg"}


def device_id(prefix: str) -> str:
    """Return the device's id in topics and unique ids: letters, digits, underscores and hyphens."""
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", prefix)


def discovery_topic(prefix: str) -> str:
    """Return the topic of the discovery message."""
    return f"homeassistant/device/{device_id(prefix)}/config"


def whole_run_topic(prefix: str) -> str:
    """Return the topic of the discovery message of a run of several cameras."""
    return f"homeassistant/device/{_whole_run_id(prefix)}/config"


def whole_run(prefix: str, availability_topic: str, pause: str, version: str) -> dict[str, Any]:
    """Return the discovery message of a run of several cameras, whose only entity pauses all; see `discovery`."""
    device = _whole_run_id(prefix)
    return {
        "device": {"identifiers": [device], "name": prefix, "manufacturer": "emotion-edge", "sw_version": version},
        "origin": {"name": "emotion-edge", "sw_version": version},
        "availability_topic": availability_topic,
        "components": {"pause": {"unique_id": f"{device}_pause"} | _pause("Pause all cameras", pause)},
    }


def discovery(
    prefix: str,
    state_topic: str,
    availability_topic: str,
    version: str,
    expire: int,
    classes: Sequence[str],
    *,
    pause: str,
    events: str,
    confidence: str,
    picture: str = "",
    part_of: str = "",
    released: bool = False,
) -> dict[str, Any]:
    """Return the discovery message.

    Args:
        prefix: prefix of the device's topics, and its name in Home Assistant.
        state_topic: topic of the JSON object of `edge.outputs.mqtt_camera.state`.
        availability_topic: topic of `ONLINE` and `OFFLINE`.
        version: version of this package.
        expire: seconds after which a state that is not renewed expires.
        classes: names of the model's classes.
        pause: topic of the switch that pauses the camera.
        events: topic of the camera's events.
        confidence: topic of the number that adjusts the lowest confidence of events.
        picture: topic of the camera's pictures, if it has any; then there is an entity for the last one.
        part_of: prefix of the run where it has several cameras; the device is then available as long as both are.
        released: whether the model's releases are known; then there is an entity for updates of it.
    """
    device = device_id(prefix)
    shared = {"expire_after": expire}
    facts: dict[str, Any] = {"identifiers": [device], "name": prefix, "manufacturer": "emotion-edge"}
    availability: dict[str, Any] = {"availability_topic": availability_topic}
    if part_of:
        facts["via_device"] = _whole_run_id(part_of)
        topics = [{"topic": topic} for topic in (f"{part_of}/availability", availability_topic)]
        availability = {"availability": topics, "availability_mode": "all"}
    components = {key: component | shared for key, component in _components(state_topic, classes).items()}
    components["pause"] = _pause("Pause", pause)
    components["event"] = _event(events)
    components["confidence"] = _confidence(confidence)
    if picture:
        components["picture"] = {"platform": "image", "name": "Snapshot", "image_topic": picture} | JPEG
    if released:
        components["model"] = _update(state_topic)
    return {
        "device": facts | {"sw_version": version},
        "origin": {"name": "emotion-edge", "sw_version": version},
        "state_topic": state_topic,
        **availability,
        "components": {key: {"unique_id": f"{device}_{key}"} | component for key, component in components.items()},
    }


def _whole_run_id(prefix: str) -> str:
    """Return the id of the device of a run; no camera's id is the same, since these have an underscore there."""
    return f"{device_id(prefix)}-all"


def _pause(name: str, topic: str) -> dict[str, Any]:
    """Return a switch that is on while the camera is paused."""
    icon = "mdi:eye-off"
    return {"platform": "switch", "name": name, "state_topic": topic, "command_topic": f"{topic}/set", "icon": icon}


def _event(topic: str) -> dict[str, Any]:
    """Return the entity of the camera's events; their other fields become its attributes."""
    template = "{% set facts = dict(value_json, event_type=value_json.event) %}{{ facts | tojson }}"
    return {
        "platform": "event",
        "name": "Face",
        "state_topic": topic,
        "event_types": list(EVENTS),
        "value_template": template,
        "icon": "mdi:face-recognition",
    }


def _confidence(topic: str) -> dict[str, Any]:
    """Return the number that adjusts the lowest confidence of events."""
    limits = {"min": 0, "max": 1, "step": 0.05, "mode": "slider"}
    about = {"name": "Least confidence", "icon": "mdi:tune", "entity_category": "config"}
    return {"platform": "number", "state_topic": topic, "command_topic": f"{topic}/set"} | limits | about


def _components(state_topic: str, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the entities; a null in the state becomes `None`, which Home Assistant shows as unknown."""
    return {
        "emotion": _sensor("Emotion", "emotion", device_class="enum", options=list(classes)),
        "faces": _sensor("Faces", "faces", icon="mdi:face-recognition", **MEASUREMENT),
        **{
            f"share_{key_of(name)}": _sensor(
                name.capitalize(), f"shares['{name}']", unit_of_measurement="%", **MEASUREMENT
            )
            for name in classes
        },
        "fps": _sensor("Frames per second", "fps", unit_of_measurement="fps", **MEASUREMENT, **DIAGNOSTIC),
        "temperature": _sensor(
            "Temperature",
            "temperature",
            device_class="temperature",
            unit_of_measurement="°C",
            **MEASUREMENT,
            **DIAGNOSTIC,
        ),
        "problem": {
            "platform": "binary_sensor",
            "name": "Problem",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.trouble else 'OFF' }}",
            "json_attributes_topic": state_topic,
            "json_attributes_template": "{{ {'trouble': value_json.trouble} | tojson }}",
            **DIAGNOSTIC,
        },
    }


def _update(state_topic: str) -> dict[str, Any]:
    """Return the entity of the model's update, which shows both releases; the board itself installs the newer one."""
    return {
        "platform": "update",
        "name": "Model",
        "value_template": "{{ value_json.release }}",
        "latest_version_topic": state_topic,
        "latest_version_template": "{{ value_json.offered }}",
        **DIAGNOSTIC,
    }


def _sensor(name: str, key: str, **options: Any) -> dict[str, Any]:
    return {"platform": "sensor", "name": name, "value_template": f"{{{{ value_json.{key} }}}}"} | options
