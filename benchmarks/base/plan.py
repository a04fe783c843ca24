"""Subjects of the measurements: a bundle's variants, a clip, a data set, rounds and cores."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.base.harness import BURST, WARM_UP
from benchmarks.base.process import can_restrict
from edge.base.errors import UserError
from edge.base.machine import usable_cores
from edge.base.settings import VARIANTS
from edge.model.bundle import Bundle, load_bundle, model_file, read_manifest

SHIPPING = "int8"
"""The variant that ships, for measurements that would take too long with all variants."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Variants of one bundle by name, a clip, rounds of every measurement, and a split of a data set, if any."""

    bundles: dict[str, Bundle]
    clip: Path
    rounds: int
    data: Path | None = None
    split: str = "test"

    @property
    def shipping(self) -> Bundle:
        """The variant that ships, or the first one if the bundle lacks it."""
        return self.bundles.get(SHIPPING) or next(iter(self.bundles.values()))

    @property
    def threads(self) -> list[int]:
        return sorted({1, usable_cores()})

    @property
    def cores(self) -> list[int]:
        """Numbers of cores: one, two (for the targets) and all; only all if a process cannot choose its cores."""
        cores = usable_cores()
        return sorted({1, min(2, cores), cores}) if can_restrict() else [cores]

    @property
    def most_cores(self) -> int:
        return self.cores[-1]

    def settings(self) -> dict[str, Any]:
        """Settings that are saved in a record."""
        how = {"rounds": self.rounds, "threads": self.threads, "cores": self.cores, "clip": self.clip.name}
        return how | {"split": self.split if self.data else None, "warm_up": WARM_UP, "burst": BURST}


def open_variants(folder: Path) -> dict[str, Bundle]:
    """Read and verify all variants that a bundle contains.

    Raises:
        UserError: the bundle is missing or has no variant, or a variant is damaged.
    """
    known = read_manifest(folder).get("variants", {})
    present = [variant for variant in VARIANTS if variant in known and (folder / model_file(variant)).is_file()]
    if not present:
        raise UserError(f"{folder}: the bundle has no model file", "restore them or make them by 'make export'")
    return {variant: load_bundle(folder, variant) for variant in present}
