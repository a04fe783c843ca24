"""Mistakes of rules that show before a run."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edge.base.errors import UserError, needs_extra
from edge.base.files import check_folder
from edge.base.settings import CONDITIONS, Rule, Run, Webhook
from edge.base.values import parse_webhook
from edge.model.bundle import read_manifest
from edge.outputs.rules.conditions import (
    CAMERA_BACK,
    CAMERA_LOST,
    EXPRESSION,
    FACE_APPEARED,
    FACES_BELOW,
    FACES_REACHED,
)

FIELD_CONDITIONS: Mapping[str, Sequence[str]] = {
    "expression": (EXPRESSION,),
    "faces": (FACES_REACHED, FACES_BELOW),
    "min_seconds": tuple(when for when in CONDITIONS if when != FACE_APPEARED),
    "min_confidence": (EXPRESSION,),
}
"""Conditions that use a field, and need it if it has no default; all others have no use for it."""


def rule_conflicts(run: Run) -> Iterator[UserError]:
    """Yield the mistakes of a run's rules: missing fields, unknown names, and actions that cannot be had here."""
    names: set[str] = set()
    pins: set[int] = set()
    for number, rule in enumerate(run.rule, 1):
        here = f"rule[{number}]"
        if rule.name in names:
            yield UserError(f"{here}.name: there are two rules {rule.name}", "give each a name of its own")
        names.add(rule.name)
        yield from _field_mistakes(rule, here)
        cameras = [camera.name for camera in run.camera]
        if cameras and rule.camera and rule.camera not in cameras:
            yield UserError(f"{here}.camera: there is no camera {rule.camera}", f"write one of {', '.join(cameras)}")
        if rule.mqtt.topic:
            yield from _topic_mistakes(rule.mqtt.topic, run.outputs.mqtt, here)
        yield from _webhook_mistakes(rule.webhook, here)
        yield from _program_mistakes(rule.program.command, here)
        if rule.gpio.pin is not None:
            yield from _pin_mistakes(rule.gpio.pin, pins, here)
            pins.add(rule.gpio.pin)
        if rule.snapshot.folder:
            yield from _folder_mistakes(rule.snapshot.folder, rule.when, here)
        if rule.snapshot.publish and not run.outputs.mqtt:
            yield UserError(f"{here}.snapshot.publish: there is no broker to publish to", "name one by outputs.mqtt")
    yield from _unknown_expressions(run)


def variable_mistakes(run: Run) -> Iterator[UserError]:
    """Yield mistakes of the environment variables that rules name; a service has other ones than its installer."""
    for number, rule in enumerate(run.rule, 1):
        for field in ("variable", "secret"):
            if name := getattr(rule.webhook, field):
                here = f"rule[{number}].webhook.{field}"
                value = os.environ.get(name)
                if not value:
                    yield UserError(f"{here}: the environment variable {name} is not set", "set it for the run")
                elif not (value.isascii() and value.isprintable()):
                    yield UserError(f"{here}: {name} has characters that cannot be sent", "use ASCII characters")
                elif field == "variable" and not _is_address(value):
                    yield UserError(f"{here}: {name} is not the address of a webhook", "write it as https://host/path")


def _is_address(text: str) -> bool:
    try:
        return bool(parse_webhook(text))
    except ValueError:
        return False


def _field_mistakes(rule: Rule, here: str) -> Iterator[UserError]:
    for field, conditions in FIELD_CONDITIONS.items():
        value = getattr(rule, field)
        if value is None and rule.when in conditions:
            yield UserError(f"{here}.when: {rule.when} needs {field}", f"add {field}")
        if value != getattr(Rule, field) and rule.when not in conditions:
            yield UserError(
                f"{here}.{field}: {rule.when} does not use it", f"leave it out, or write when = {conditions[0]}"
            )
    acts = rule.mqtt.topic or rule.webhook.address or rule.webhook.variable or rule.program.command
    if not (acts or rule.snapshot.folder or rule.gpio.pin is not None):
        remedy = "add mqtt.topic, webhook.address, program.command, snapshot.folder or gpio.pin"
        yield UserError(f"{here}.name: rule {rule.name} does nothing", remedy)


def _topic_mistakes(topic: str, broker: str | None, here: str) -> Iterator[UserError]:
    if not broker:
        yield UserError(f"{here}.mqtt.topic: there is no broker to publish to", "name one by outputs.mqtt")
    if set(topic) & set("+#\0") or topic.startswith("/") or not topic:
        yield UserError(
            f"{here}.mqtt.topic: {topic} is no topic", "write it as doorbell or hall/smile, without + and #"
        )


def _webhook_mistakes(webhook: Webhook, here: str) -> Iterator[UserError]:
    if webhook.address and webhook.variable:
        yield UserError(f"{here}.webhook.variable: there is an address as well", "leave out one of them")


def _program_mistakes(command: Sequence[str], here: str) -> Iterator[UserError]:
    if command and not shutil.which(command[0]):
        remedy = "write its whole path, and make it executable"
        yield UserError(f"{here}.program.command: {command[0]}: there is no such program", remedy)


def _folder_mistakes(folder: Path, when: str, here: str) -> Iterator[UserError]:
    if when in (CAMERA_LOST, CAMERA_BACK):
        yield UserError(f"{here}.snapshot.folder: {when} has no picture", "leave out the snapshot")
    try:
        check_folder(folder)
    except UserError as error:
        yield UserError(f"{here}.snapshot.folder: {error.problem}", error.remedy)


def _pin_mistakes(pin: int, taken: set[int], here: str) -> Iterator[UserError]:
    if pin in taken:
        yield UserError(f"{here}.gpio.pin: another rule has pin {pin}", "name another pin")
    try:
        with needs_extra("gpio"):
            import edge.outputs.rules.gpio  # noqa: F401
    except UserError as error:
        yield UserError(f"{here}.gpio.pin: {error.problem}", error.remedy)


def _unknown_expressions(run: Run) -> Iterator[UserError]:
    if not any(rule.expression for rule in run.rule):
        return
    try:
        classes = read_manifest(run.recognition.model)["classes"]
    except UserError as error:
        yield error
        return
    for number, rule in enumerate(run.rule, 1):
        if rule.expression and rule.expression not in classes:
            problem = f"rule[{number}].expression: {rule.expression} is no class of the model"
            yield UserError(problem, f"write one of {', '.join(classes)}")
