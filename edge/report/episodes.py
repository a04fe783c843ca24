"""All episodes of a video for other programs: annotations for ELAN, and subtitles."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

EAF_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"

TYPE = "expression"
"""ELAN's type of the tiers, which may be aligned with time."""

MEDIA_TYPES = {".mp4": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska", ".webm": "video/webm"}


class Labelled(NamedTuple):
    """An expression of a person between two times, seconds from the start of the video."""

    person: int
    emotion: str
    start: float
    end: float


def elan(episodes: Sequence[Labelled], video: Path, address: str) -> str:
    """Return ELAN's document: a tier for each person, an annotation for each episode; `address` is the video's."""
    document = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "emotion-edge",
            "DATE": "2000-01-01T00:00:00+00:00",  # required, and the same every time
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": EAF_SCHEMA,
        },
    )
    header = _add(document, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    media = {"MEDIA_URL": video.resolve().as_uri(), "RELATIVE_MEDIA_URL": address}
    _add(header, "MEDIA_DESCRIPTOR", **media, MIME_TYPE=MEDIA_TYPES.get(video.suffix.lower(), "unknown"))
    order = _add(document, "TIME_ORDER")
    for number, episode in enumerate(episodes):
        for end, seconds in (("a", episode.start), ("b", episode.end)):
            _add(order, "TIME_SLOT", TIME_SLOT_ID=f"ts{number}{end}", TIME_VALUE=str(round(1000 * seconds)))
    tiers = defaultdict(list)
    for number, episode in enumerate(episodes):
        tiers[episode.person].append((number, episode.emotion))
    for person, labels in sorted(tiers.items()):
        tier = _add(document, "TIER", LINGUISTIC_TYPE_REF=TYPE, TIER_ID=f"person {person}")
        for number, emotion in labels:
            slots = {"TIME_SLOT_REF1": f"ts{number}a", "TIME_SLOT_REF2": f"ts{number}b"}
            annotation = _add(_add(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", ANNOTATION_ID=f"a{number}", **slots)
            _add(annotation, "ANNOTATION_VALUE").text = emotion
    _add(document, "LINGUISTIC_TYPE", LINGUISTIC_TYPE_ID=TYPE, TIME_ALIGNABLE="true", GRAPHIC_REFERENCES="false")
    ElementTree.indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(document, encoding="unicode") + "\n"


def subtitles(episodes: Sequence[Labelled]) -> str:
    """Return SubRip subtitles: between two changes, all persons with a label."""
    several = len({episode.person for episode in episodes}) > 1
    times = sorted({time for episode in episodes for time in (episode.start, episode.end)})
    blocks: list[str] = []
    waiting, shown = sorted(episodes, key=lambda episode: (episode.start, episode.person)), list[Labelled]()
    for start, end in pairwise(times):
        while waiting and waiting[0].start <= start:
            shown.append(waiting.pop(0))
        shown = [episode for episode in shown if episode.end > start]
        lines = [f"person {one.person}: {one.emotion}" if several else one.emotion for one in shown]
        if lines:
            blocks.append(f"{len(blocks) + 1}\n{_stamp(start)} --> {_stamp(end)}\n" + "\n".join(lines) + "\n")
    return "\n".join(blocks)


def _stamp(seconds: float) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02},{milliseconds % 1000:03}"


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)
