"""Damaged manifests and model cards."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Self

from edge.base.errors import UserError
from edge.model.bundle import CARD_BYTES, MANIFEST, MODEL_CARD, load_bundle, model_file, read_card, read_manifest
from edge.model.manifest import Manifest, Score, Variant, Variants
from edge.web.stats import model_facts

from .harness import ACCEPTED, BUG, REFUSED, ROOT, Outcome, Worker, serve
from .mutations import damage, damage_json

BUNDLE = ROOT / "models" / "nano"

TIMEOUT, MOST_MB = 10.0, 300
"""Seconds and resident memory for a manifest."""

MARK = b"\0card\0"
"""Separates the manifest from the card in an input."""

FIELDS = {name for kind in (Manifest, Score, Variant, Variants) for name in kind.__struct_fields__}
FIELDS |= {"landmarks", "box", "format_version", "classes"}

OTHER_REASONS = (
    r"not JSON|format version|the classes are not|Expected `object`|JSON is malformed|no variant|larger than|sha256"
)
"""Refusals that are of no single field."""


class Manifests:
    """The reader of bundles, in a worker."""

    name, share = "manifests", 0.2

    def __init__(self) -> None:
        self._manifest = (BUNDLE / MANIFEST).read_text()
        self._card = (BUNDLE / MODEL_CARD).read_bytes()
        self._worker = Worker("tests.fuzz.manifests", TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._worker.close()

    def make(self, random: Random) -> bytes:
        content = self._manifest.encode()
        if random.random() < 0.75:
            content = json.dumps(_restructured(json.loads(content), random), ensure_ascii=False).encode(
                errors="surrogatepass"
            )
        if random.random() < 0.1:
            content = _unusual(content, random)
        if random.random() < 0.3:
            content = damage(content, random)
        return content + MARK + (damage(self._card, random) if random.random() < 0.2 else b"")

    def give(self, content: bytes) -> Outcome:
        outcome = self._worker.ask(content)
        if outcome.peak_mb > MOST_MB:
            return Outcome(BUG, f"{outcome.peak_mb:.0f} MB", outcome.peak_mb, outcome.seconds)
        return outcome

    def check(self) -> Iterator[str]:
        return iter(())


def _restructured(manifest: dict[str, Any], random: Random) -> Any:
    """Damage it; mostly in the fields that are read, which are a small part."""
    others = {name: manifest.pop(name) for name in list(manifest) if name not in FIELDS and random.random() < 0.8}
    damaged = damage_json(manifest, random)
    return damaged | others if isinstance(damaged, dict) else damaged


def _unusual(content: bytes, random: Random) -> bytes:
    """Change a document as a whole: keys twice, other encodings, depth and length without end."""
    return random.choice(
        (
            content.replace(b"{", b'{"name": 5, "input_size": [], ', 1),
            content[:-1] + b', "format_version": 1, "format_version": 2}',
            b"\xef\xbb\xbf" + content,
            content.decode(errors="replace").encode("utf-16"),
            content.replace(b'"name"', b'"na\xffme"', 1),
            b"[" * random.choice((500, 100_000)) + content,
            content.replace(b":", b":" + b'{"a":' * 3000, 1),
            content + b" " * (2 << 20),
            content + content,
            b"",
        )
    )


def _read(folder: Path, content: bytes) -> tuple[str, str]:
    """Read all that is read of a bundle: manifest, model, card, and what is shown of it."""
    manifest, _, card = content.partition(MARK)
    (folder / MANIFEST).write_bytes(manifest)
    (folder / MODEL_CARD).write_bytes(card or b"# Model\n")
    try:
        read_manifest(folder)
        bundle = load_bundle(folder, "int8")
        json.dumps([bundle.identity, model_facts(bundle), bundle.resolution, bundle.input_size], allow_nan=False)
        assert len(read_card(folder) or "") <= CARD_BYTES
    except UserError as error:
        return _judged(str(error))
    return ACCEPTED, ""


def _judged(refusal: str) -> tuple[str, str]:
    """See that a refusal is one line and says which field, or what else, is wrong."""
    if "\n" in refusal or len(refusal) > 2000:
        return BUG, f"not one line: {refusal[:3000]!r}"
    reason = refusal.partition(f"{MANIFEST}: ")[2]
    field = re.match(r"([\w.\[\]]+): |Object .*`(\w+)`", reason)
    named = field and set(re.split(r"\W+", field[1] or field[2])) & FIELDS
    if named or MODEL_CARD in refusal or re.search(OTHER_REASONS, refusal):
        return REFUSED, refusal
    return BUG, f"names no field: {refusal}"


def main() -> None:
    """Read what comes on standard input."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / model_file("int8")).write_bytes((BUNDLE / model_file("int8")).read_bytes())
        serve(lambda content: _read(folder, content))


if __name__ == "__main__":
    main()
