"""Prints what Home Assistant's default integrations and MQTT want beside its own requirements; for its own Python."""

import json
from pathlib import Path

from homeassistant import bootstrap

components = Path(bootstrap.__file__).parent / "components"
left, seen, wanted = {*bootstrap.DEFAULT_INTEGRATIONS, "mqtt"}, set(), set()
while left:
    name = left.pop()
    seen.add(name)
    manifest = json.loads((components / name / "manifest.json").read_text())
    wanted.update(manifest.get("requirements", ()))
    left |= set(manifest.get("dependencies", ())) - seen
print(*sorted(wanted), sep="\n")
