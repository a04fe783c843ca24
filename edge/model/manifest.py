"""Manifest of a bundle: the fields that are read, with type and range."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge.base.classes import fault_in
from edge.base.geometry import Box
from edge.base.values import Share

FORMAT_VERSION = 2

LabelSet = Literal["ferplus", "fer2013", "folder"]
"""Labels that a model learns and is measured by: the votes of FER+, FER-2013's class folders, or those of another data
set."""

LONGEST_REASON = 200
"""Most characters of an error about a field, as it may contain the field's value."""

Count = Annotated[int, Meta(ge=0, le=10**12)]
Side = Annotated[int, Meta(ge=8, le=1024)]
Place = Annotated[float, Meta(ge=-10, le=10)]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class FaceTemplate:
    """Position of a face in the crops that the model was trained on, relative to the crop's side.

    Attributes:
        landmarks: (x, y) of right eye, left eye, nose tip, right and left mouth corner, right and left being the
            person's own: the order of YuNet.
        box: (x, y, w, h) of the detector's box, for detectors that give nothing else.
    """

    landmarks: Annotated[tuple[tuple[Place, Place], ...], Meta(min_length=5, max_length=5)]
    box: Box


class Score(msgspec.Struct, frozen=True):
    """Agreement of a variant with one label set: shares from 0 to 1."""

    images: Count
    accuracy: Share
    macro_f1: Share
    calibration_error: Share | None = None


class Variant(msgspec.Struct, frozen=True):
    """One `.tflite` file and its measured accuracy."""

    sha256: Sha256
    bytes: Count | None = None
    scores: dict[LabelSet, Score] = {}


class Variants(msgspec.Struct, frozen=True):
    """The variants of a bundle; each is optional."""

    float32: Variant | None = None
    float16: Variant | None = None
    dynamic: Variant | None = None
    int8: Variant | None = None


class Manifest(msgspec.Struct, frozen=True):
    """The fields that the edge reads; others, such as the training configuration, are kept but not checked.

    Attributes:
        name: name of the bundle, without control characters.
        classes: names of the classes, in the order of the model's outputs.
        input_size: side of the model's input, pixels.
        resolution: side to which the model enlarges a face, pixels; None where it is `input_size`.
        labels: label set that it was exported for.
        temperature: divisor of its logits.
    """

    name: Name
    classes: tuple[str, ...]
    input_size: Side
    labels: LabelSet
    face_template: FaceTemplate
    variants: Variants
    resolution: Side | None = None
    mirror: bool = False
    multiply_adds: Count | None = None
    temperature: Annotated[float, Meta(gt=0, le=1000)] | None = None


class Header(msgspec.Struct, frozen=True):
    """The fields that are checked first, because the others depend on them."""

    format_version: Count | None = None
    classes: list[str] | None = None


class Malformed(Exception):  # noqa: N818 - the caller, which knows the file, makes the error
    """Content that is not a manifest; the text names the field and the problem."""


def parse_manifest(content: bytes) -> tuple[dict[str, Any], Manifest]:
    """Parse a manifest.

    Returns:
        The whole manifest as plain values, and the typed fields.

    Raises:
        Malformed: it is not JSON, of another format version, or a field is missing or out of range.
    """
    try:
        header = msgspec.json.decode(content, type=Header)
        if header.format_version != FORMAT_VERSION:
            raise Malformed(f"format version {header.format_version}, but this package reads {FORMAT_VERSION}")
        if fault := fault_in(header.classes or ()):
            raise Malformed(f"classes: {fault}")
        manifest = msgspec.json.decode(content, type=Manifest)  # from the text, so that errors name the field
        return msgspec.json.decode(content), manifest
    except msgspec.ValidationError as error:
        reason, at, place = str(error).rpartition(" - at ")
        if not at:
            raise Malformed(place[:LONGEST_REASON]) from error
        field = place.removeprefix("`key` in ").strip("`$.")
        raise Malformed(f"{field}: {reason[:LONGEST_REASON]}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not JSON ({error})") from error
