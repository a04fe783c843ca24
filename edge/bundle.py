"""The bundle: a folder with a manifest and the model in several variants. Written by `export/`, verified here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.emotions import EMOTIONS
from edge.errors import UserError
from edge.geometry import Box, as_box

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MODEL_CARD = "MODEL_CARD.md"
LANDMARKS = 5
VARIANTS = ("float32", "float16", "dynamic", "int8")
LABELS = ("crowd", "folder")
"""Kinds of label that a model can answer with, and be measured by."""

DEFAULT_BUNDLE = Path(__file__).resolve().parents[1] / "models" / "default"
"""The bundle that ships."""


@dataclass(frozen=True)
class FaceTemplate:
    """Where a face lies in the crops that the model was trained on, relative to the crop's side.

    Attributes:
        landmarks: (x, y) of right eye, left eye, nose tip, right and left mouth corner, right and left being the
            person's own: the order of YuNet.
        box: (x, y, w, h) of the detector's box, for detectors that give nothing else.
    """

    landmarks: tuple[tuple[float, float], ...]
    box: Box


@dataclass(frozen=True)
class Measured:
    """How often a model was right on images that it had not seen.

    Attributes:
        labels: what it was compared with: `crowd`, what most of a crowd saw, or `folder`, the data set's classes.
        images: how many there were.
        accuracy: share of them, 0 to 1.
        macro_f1: mean of the classes' F1, 0 to 1.
    """

    labels: str
    images: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Bundle:
    """One variant of a model, verified, with what the edge must know about it.

    Attributes:
        folder: where it was loaded from.
        name: name of the bundle.
        variant: which of `VARIANTS`.
        model: content of the `.tflite` file.
        input_size: pixels of the side of a face.
        template: where a face lies in a crop.
        manifest: everything else, as `manifest.json` has it.
    """

    folder: Path
    name: str
    variant: str
    model: bytes
    input_size: int
    template: FaceTemplate
    manifest: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Of the model, hexadecimal, as it was verified."""
        return str(self.manifest["variants"][self.variant]["sha256"])

    @property
    def identity(self) -> dict[str, str]:
        """What tells this model from others: name, variant, and the beginning of its hash."""
        return {"name": self.name, "variant": self.variant, "sha256": self.sha256[:12]}

    @property
    def resolution(self) -> int:
        """Pixels of the side at which the model works inside; a face is enlarged to it."""
        return int(self.manifest.get("resolution", self.input_size))

    @property
    def measured(self) -> tuple[Measured, ...]:
        """What the manifest tells of its accuracy: first by the kind of label that it answers with, then by others."""
        entry = self.manifest["variants"][self.variant]
        own = answers_with(self.manifest)
        kinds = sorted((kind for kind in LABELS if entry.get(kind)), key=lambda kind: kind != own)
        return tuple(Measured(kind, *(entry[kind][key] for key in _FIGURES)) for kind in kinds)


def answers_with(manifest: Mapping[str, Any]) -> str:
    """The kind of label that a bundle's answers are of; `crowd` where its manifest does not say."""
    return str(manifest.get("labels", LABELS[0]))


def model_file(variant: str) -> str:
    """File name of a variant inside its bundle."""
    return f"model_{variant}.tflite"


def load_bundle(folder: Path, variant: str = "int8") -> Bundle:
    """Read a bundle and verify the variant's hash.

    Raises:
        UserError: the bundle or a file is missing, damaged, of another format, or for other classes.
    """
    manifest = read_manifest(folder)
    model = read_variant(folder, manifest, variant)
    try:
        landmarks = tuple((float(x), float(y)) for x, y in manifest["face_template"]["landmarks"])
        if len(landmarks) != LANDMARKS:
            raise ValueError(f"{len(landmarks)} landmarks, not {LANDMARKS}")
        template = FaceTemplate(landmarks, as_box(manifest["face_template"]["box"]))
        bundle = Bundle(folder, manifest["name"], variant, model, int(manifest["input_size"]), template, manifest)
        _ = bundle.resolution, bundle.measured  # what is malformed in them is told now, not when a page is made
        return bundle
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / MANIFEST}: {error!r} is missing or malformed", _EXPORT_AGAIN) from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check the manifest.

    Raises:
        UserError: it is missing, no JSON, of another format version, or names other classes.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"{folder}: no model bundle here ({MANIFEST} is missing)", _EXPORT_AGAIN) from error
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error})", _EXPORT_AGAIN) from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if version != FORMAT_VERSION:
        raise UserError(f"{path}: format version {version}, but {FORMAT_VERSION} is what this runs", _EXPORT_AGAIN)
    if manifest.get("classes") != list(EMOTIONS):
        raise UserError(f"{path}: the classes are not {', '.join(EMOTIONS)}", _EXPORT_AGAIN)
    if not _are_tables(manifest.get("variants")):
        raise UserError(f"{path}: 'variants' is missing or malformed", _EXPORT_AGAIN)
    return manifest


def read_variant(folder: Path, manifest: dict[str, Any], variant: str) -> bytes:
    """Read a variant's file and compare it with the manifest.

    Raises:
        UserError: the variant or its file is missing, or the hash differs.
    """
    known = manifest["variants"]
    path = folder / model_file(variant)
    if variant not in known:
        raise UserError(f"{folder}: the bundle has no variant {variant}", f"it has {', '.join(known) or 'none'}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: the file is missing", "make it by 'make export' or take another --variant") from error
    if (found := hashlib.sha256(content).hexdigest()) != known[variant].get("sha256"):
        raise UserError(f"{path}: sha256 {found[:12]}… is not the manifest's", "restore the file or export again")
    return content


def _are_tables(variants: Any) -> bool:
    return isinstance(variants, dict) and all(isinstance(entry, dict) for entry in variants.values())


_FIGURES = ("images", "accuracy", "macro_f1")
_EXPORT_AGAIN = "make a bundle by 'make export MODEL=<folder>', or name another by MODEL=<folder>"
