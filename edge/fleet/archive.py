"""Archives of bundles: the same bundle always makes the same bytes, and unpacking trusts no name or size in them."""

import io
import zipfile
from pathlib import Path

from edge.base.durable import write_through
from edge.base.errors import UserError
from edge.base.files import read_regular, unreadable
from edge.base.settings import VARIANTS
from edge.model.bundle import (
    CARD_BYTES,
    MANIFEST,
    MANIFEST_BYTES,
    MODEL_BYTES,
    MODEL_CARD,
    Bundle,
    load_bundle,
    model_file,
)
from edge.model.validation import validate_model

LIMITS = {MANIFEST: MANIFEST_BYTES, MODEL_CARD: CARD_BYTES} | {model_file(name): MODEL_BYTES for name in VARIANTS}
"""Files of a bundle that are published, and the largest size of each in bytes."""


def verified(folder: Path) -> list[Bundle]:
    """Return the variants of a bundle, with the hashes of its models verified.

    Raises:
        UserError: a file is missing or damaged, or there is no model.
    """
    found = [load_bundle(folder, variant) for variant in VARIANTS if (folder / model_file(variant)).exists()]
    if not found:
        raise UserError(f"{folder}: has no model", "name the folder of a bundle, or export it again")
    return found


def check_bundle(folder: Path) -> str:
    """Let each model of a bundle classify test faces in a separate process, and return the bundle's name.

    Raises:
        UserError: a file is missing or damaged, or a model gives no probabilities.
    """
    bundles = verified(folder)
    for bundle in bundles:
        validate_model(bundle)
    return bundles[0].name


def pack(folder: Path) -> bytes:
    """Return the archive of a bundle; times, owners and other files of the folder do not matter.

    Raises:
        UserError: a file cannot be read.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # stored: compressed bytes would depend on the version of zlib
        for name, limit in LIMITS.items():
            try:
                archive.writestr(zipfile.ZipInfo(name), read_regular(folder / name, limit))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise unreadable(folder / name, error) from error
    return content.getvalue()


def unpack(archive: Path, folder: Path) -> None:
    """Write an archive's files to a folder, down to the disk.

    Raises:
        UserError: it is no archive of a bundle.
        OSError: a file cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                if member.file_size > LIMITS.get(member.filename, -1):
                    raise UserError(f"the archive has {member.filename}, which no bundle has", "publish it again")
                write_through(folder / member.filename, opened.read(member))
    except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise UserError(f"the archive cannot be unpacked ({error})", "publish it again") from error
