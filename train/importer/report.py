"""Report of an import: the record kept in import.json, and the same as text."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from edge.base.errors import printable
from edge.base.text_table import table
from train.dataset import SPLITS
from train.importer.names import count_files
from train.importer.source_files import Skipped
from train.importer.splits import Image, same_pixels

MAX_LISTED = 5
"""Most lines of each list on the screen; import.json has all."""

MAX_FOLDERS = 30
"""Most lines of the list of folders that are left out."""


def describe(
    images: list[Image], dropped: list[Image], skipped: list[Skipped], notes: list[str], classes: Sequence[str]
) -> dict:
    """Return counts by split and class, and the files of the source that need attention."""
    gone = {id(image) for image in dropped}
    counts = Counter((image.split, image.emotion) for image in images if id(image) not in gone)
    groups = [group for group in same_pixels(images) if len(group) > 1]
    return {
        "counts": {split: {name: counts[split, number] for number, name in enumerate(classes)} for split in SPLITS},
        "notes": notes,
        "left_out": left_out(images, skipped),
        "skipped": [{"file": item.name, "reason": item.reason} for item in skipped],
        "duplicates": [[image.name for image in group] for group in groups],
        "contradictions": [
            {image.name: classes[image.emotion] for image in group}
            for group in groups
            if len({image.emotion for image in group}) > 1
        ],
        "dropped": [{"file": image.name, "split": image.split} for image in dropped],
    }


def left_out(images: Iterable[Image], skipped: Iterable[Skipped]) -> list[dict]:
    """Return the outermost folders without an imported image, with the number of files by reason."""
    used = {folder for image in images for folder in PurePosixPath(image.name).parents}
    counts: Counter[tuple[str, str]] = Counter()
    for item in skipped:
        unused = [folder for folder in PurePosixPath(item.name).parents if folder not in used]
        if unused:
            counts[unused[-1].as_posix(), item.reason] += 1
    return [{"folder": folder, "files": files, "reason": reason} for (folder, reason), files in sorted(counts.items())]


def report(record: dict) -> str:
    """Return `record` as text: the table of counts, then each list that is not empty."""
    lines = _table(record["counts"])
    lines += record["notes"]
    folders = record["left_out"]
    lines += _listed(
        "folders left out",
        [f"{item['folder']}, {count_files(item['files'])}: {item['reason']}" for item in folders],
        MAX_FOLDERS,
    )
    alone = [item for item in record["skipped"] if not _is_below(item["file"], {item["folder"] for item in folders})]
    lines += _listed("skipped", [f"{item['file']}: {item['reason']}" for item in alone])
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
    return "\n".join(map(printable, lines))


def _table(counts: dict[str, dict[str, int]]) -> list[str]:
    rows = [
        [f"{n} {name}", *(f"{counts[split][name]:,}" for split in SPLITS)] for n, name in enumerate(counts["train"])
    ]
    total = ["all", *(f"{sum(counts[split].values()):,}" for split in SPLITS)]
    return table(["class", *SPLITS], [*rows, total]).splitlines()


def _is_below(file: str, folders: set[str]) -> bool:
    return any(folder.as_posix() in folders for folder in PurePosixPath(file).parents)


def _listed(title: str, items: list[str], most: int = MAX_LISTED) -> list[str]:
    if not items:
        return []
    lines = [f"{title}: {len(items):,}", *(f"  {item}" for item in items[:most])]
    if len(items) > most:
        lines.append(f"  and {len(items) - most:,} more in import.json")
    return lines
