"""Variants of a bundle that are compared."""

from dataclasses import dataclass
from pathlib import Path

from edge.base.errors import UserError
from edge.model.bundle import Bundle, load_bundle, model_file, read_manifest
from edge.model.manifest import VARIANTS


@dataclass(frozen=True)
class BundleVariants:
    """All variants of one bundle.

    Attributes:
        name: name of the bundle.
        input_size: side of the models' input, pixels.
        resolution: side of the backbone's input, pixels; the models enlarge smaller faces themselves.
        bundles: the verified variants, in the order of `VARIANTS`.
        absent: variants that are not in this bundle.
    """

    name: str
    input_size: int
    resolution: int
    bundles: dict[str, Bundle]
    absent: tuple[str, ...]


def open_variants(folder: Path) -> BundleVariants:
    """Read and verify all variants of a bundle.

    Raises:
        UserError: there is no bundle, no variant in it, or one of them is damaged.
    """
    known = read_manifest(folder).get("variants", {})
    present = [v for v in VARIANTS if v in known and (folder / model_file(v)).is_file()]
    if not present:
        raise UserError(f"{folder}: the bundle has no model file", "restore them or make them by 'make export'")
    bundles = {variant: load_bundle(folder, variant) for variant in present}
    first = bundles[present[0]]
    absent = tuple(v for v in VARIANTS if v not in bundles)
    return BundleVariants(first.name, first.input_size, first.resolution, bundles, absent)
