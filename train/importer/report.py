"""What an import did: the record kept in import.json, and the same as text for people."""

from collections import Counter

from edge.emotions import EMOTIONS
from train.importer.readers import Skipped
from train.importer.splits import SPLITS, Image, same_pixels

MAX_LISTED = 5
"""Lines of each list on the screen; import.json has them all."""


def describe(images: list[Image], dropped: list[Image], skipped: list[Skipped]) -> dict:
    """Return counts by split and class, and by name in the source the files to look into."""
    gone = {id(image) for image in dropped}
    counts = Counter((image.split, image.emotion) for image in images if id(image) not in gone)
    groups = [group for group in same_pixels(images) if len(group) > 1]
    return {
        "counts": {split: {name: counts[split, number] for number, name in enumerate(EMOTIONS)} for split in SPLITS},
        "skipped": [{"file": item.name, "reason": item.reason} for item in skipped],
        "duplicates": [[image.name for image in group] for group in groups],
        "contradictions": [
            {image.name: EMOTIONS[image.emotion] for image in group}
            for group in groups
            if len({image.emotion for image in group}) > 1
        ],
        "dropped": [{"file": image.name, "split": image.split} for image in dropped],
    }


def report(record: dict) -> str:
    """Return `record` as text: the table of counts, then each list that is not empty."""
    lines = _table(record["counts"])
    lines += _listed("skipped", [f"{item['file']}: {item['reason']}" for item in record["skipped"]])
    lines += _listed("images whose pixels stand more than once", [" = ".join(g) for g in record["duplicates"]])
    lines += _listed(
        "labels that contradict each other (same pixels, other class)",
        [", ".join(f"{file} is {name}" for file, name in item.items()) for item in record["contradictions"]],
    )
    lines += _listed(
        "left out because a held-out part has the same pixels",
        [f"{item['file']} of {item['split']}" for item in record["dropped"]],
    )
    if record["votes"]:
        lines.append(f"images with votes: {record['votes']:,}")
    return "\n".join(lines)


def _table(counts: dict[str, dict[str, int]]) -> list[str]:
    lines = [f"{'class':<12}" + "".join(f"{split:>8}" for split in SPLITS)]
    for number, name in enumerate(EMOTIONS):
        lines.append(f"{number} {name:<10}" + "".join(f"{counts[split][name]:>8,}" for split in SPLITS))
    return [*lines, f"{'all':<12}" + "".join(f"{sum(counts[split].values()):>8,}" for split in SPLITS)]


def _listed(title: str, items: list[str]) -> list[str]:
    if not items:
        return []
    lines = [f"{title}: {len(items):,}", *(f"  {item}" for item in items[:MAX_LISTED])]
    if len(items) > MAX_LISTED:
        lines.append(f"  and {len(items) - MAX_LISTED:,} more in import.json")
    return lines
