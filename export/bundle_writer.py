"""Describe a bundle, and write it atomically."""

import json
import platform
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge.base.errors import UserError
from edge.base.files import sha256, whole_folder, writing
from edge.model.bundle import MANIFEST, MODEL_CARD, model_file, read_manifest
from edge.model.interpreter import runtime
from edge.model.manifest import FORMAT_VERSION

TOOLS = ("tensorflow", "keras", "numpy", "opencv-python", "ai-edge-litert", "mediapipe")


def manifest_head(name: str, classes: Sequence[str], input_size: int, resolution: int) -> dict[str, Any]:
    """Return the first fields of a manifest."""
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "created": datetime.now(UTC).strftime("%Y-%m-%d"),
        "classes": list(classes),
        "input_size": input_size,
        "resolution": resolution,
    }


def tool_versions() -> dict[str, str]:
    """Return the versions of everything that the figures depend on."""
    return {"python": platform.python_version(), "runtime": runtime(), **{tool: version(tool) for tool in TOOLS}}


def describe_file(content: bytes) -> dict[str, Any]:
    """Return sha256 and size, by which the edge verifies a model file."""
    return {"sha256": sha256(content), "bytes": len(content)}


class _Probed(Exception):  # noqa: N818 - no error
    pass


def check_target(folder: Path) -> None:
    """Refuse to replace a folder that is not a bundle of this format.

    Raises:
        UserError: the folder holds something else, or a bundle of another format, or cannot be made.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (folder.is_file() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and holds no bundle", "name another folder by MODEL=<folder>")
    if (folder / MANIFEST).is_file():
        _check_own(folder)
    try:
        with suppress(_Probed), whole_folder(folder):
            raise _Probed  # nothing is replaced: this only finds out whether a folder can be made here
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})", "name another by MODEL=<folder>") from error


def _check_own(folder: Path) -> None:
    """Refuse to replace a bundle that this version cannot read."""
    try:
        read_manifest(folder)
    except UserError as error:
        raise UserError(error.problem, "name another folder by MODEL=<folder>, or remove this one") from error


def write_bundle(
    folder: Path, models: dict[str, bytes], manifest: dict[str, Any], card: str, figures: dict[str, bytes]
) -> None:
    """Write a bundle atomically; an old one stays until the new one is complete.

    Args:
        folder: the bundle's place.
        models: content of the `.tflite` files by variant.
        manifest: what goes into `manifest.json`.
        card: text of the model card.
        figures: the pictures it shows, PNG by file name.
    """
    with writing(folder), whole_folder(folder) as new:
        for variant, content in models.items():
            (new / model_file(variant)).write_bytes(content)
        (new / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        (new / MODEL_CARD).write_text(card)
        for name, picture in figures.items():
            (new / name).write_bytes(picture)
