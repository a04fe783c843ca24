"""Bundles: a folder with a manifest and the model in several variants, written by `export/` and verified here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.base.errors import UserError
from edge.base.files import read_regular, sha256
from edge.base.settings import VARIANTS
from edge.model.manifest import FaceTemplate, Malformed, Manifest, parse_manifest

MANIFEST = "manifest.json"
MODEL_CARD = "MODEL_CARD.md"

MANIFEST_BYTES, CARD_BYTES, MODEL_BYTES = 1 << 20, 1 << 20, 1 << 29
"""Largest size of each file, bytes."""


@dataclass(frozen=True)
class Measured:
    """Accuracy of a model on images that it was not trained on.

    Attributes:
        labels: label set of the comparison.
        images: number of images.
        accuracy: share of correct answers, 0 to 1.
        macro_f1: mean of the classes' F1, 0 to 1.
    """

    labels: str
    images: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Bundle:
    """One variant of a model, verified, and its manifest.

    Attributes:
        folder: folder of the bundle.
        variant: one of `VARIANTS`.
        model: content of the `.tflite` file.
        manifest: its manifest.
    """

    folder: Path
    variant: str
    model: bytes
    manifest: Manifest

    @property
    def name(self) -> str:
        """Name of the bundle."""
        return self.manifest.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the model's outputs."""
        return self.manifest.classes

    @property
    def input_size(self) -> int:
        """Side of a face that the model takes, pixels."""
        return self.manifest.input_size

    @property
    def template(self) -> FaceTemplate:
        """Position of a face in a crop."""
        return self.manifest.face_template

    @property
    def sha256(self) -> str:
        """Verified SHA-256 of the model, hexadecimal."""
        return str(getattr(self.manifest.variants, self.variant).sha256)

    @property
    def identity(self) -> dict[str, str]:
        """Name, variant and the beginning of the hash, which identify the model."""
        return {"name": self.name, "variant": self.variant, "sha256": self.sha256[:12]}

    @property
    def resolution(self) -> int:
        """Side to which the model enlarges a face, pixels."""
        return self.manifest.resolution or self.input_size

    @property
    def measured(self) -> tuple[Measured, ...]:
        """Accuracy in the manifest: first by the label set that the model was exported for, then by others."""
        scores = getattr(self.manifest.variants, self.variant).scores
        own_first = sorted(scores.items(), key=lambda of_set: of_set[0] != self.manifest.labels)
        return tuple(Measured(label_set, s.images, s.accuracy, s.macro_f1) for label_set, s in own_first)


def model_file(variant: str) -> str:
    """File name of a variant inside its bundle."""
    return f"model_{variant}.tflite"


def load_bundle(folder: Path, variant: str = "int8") -> Bundle:
    """Read a bundle and verify the variant's hash.

    Raises:
        UserError: the bundle or a file is missing, damaged or of another format.
    """
    raw, manifest = _read(folder)
    return Bundle(folder, variant, read_variant(folder, raw, variant), manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check the manifest; return plain values.

    Raises:
        UserError: it is missing or not a manifest, or a field is missing or out of range.
    """
    return _read(folder)[0]


def read_variant(folder: Path, manifest: Mapping[str, Any], variant: str) -> bytes:
    """Read a variant's file and compare it with the manifest.

    Raises:
        UserError: the variant or its file is missing, or the hash differs.
    """
    known = {name: entry for name in VARIANTS if (entry := manifest["variants"].get(name))}
    path = folder / model_file(variant)
    if variant not in known:
        raise UserError(f"{folder}: the bundle has no variant {variant}", f"it has {', '.join(known) or 'none'}")
    try:
        content = read_regular(path, MODEL_BYTES)
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: the file is missing", "make it with 'make export' or use another --variant"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "restore the file or export again") from error
    if (found := sha256(content)) != known[variant]["sha256"]:
        raise UserError(f"{path}: sha256 {found[:12]}… is not the manifest's", "restore the file or export again")
    return content


def read_card(folder: Path) -> str | None:
    """Read the model card; None where the bundle has none.

    Raises:
        UserError: it is not a text.
    """
    path = folder / MODEL_CARD
    try:
        return read_regular(path, CARD_BYTES).decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise UserError(f"{path}: cannot be read ({reason})", "restore the file or remove it") from error


def _read(folder: Path) -> tuple[dict[str, Any], Manifest]:
    path = folder / MANIFEST
    try:
        return parse_manifest(read_regular(path, MANIFEST_BYTES))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{folder}: no model bundle here ({MANIFEST} is missing)", _NAME_ANOTHER) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", _NAME_ANOTHER) from error
    except Malformed as error:
        raise UserError(f"{path}: {error}", _NAME_ANOTHER) from error


_NAME_ANOTHER = "name default, nano, fer2013 or the folder of another bundle, or export it again"
