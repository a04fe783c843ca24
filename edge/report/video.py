"""Analyze one video frame by frame; its files appear together at the end."""

import json
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from edge.base.errors import UserError, printable
from edge.base.files import no_empty_folders, whole_file, writing
from edge.base.machine import package_version
from edge.faces.events import EVERY_CHANGE, Events
from edge.faces.recognizer import Recognizer
from edge.model.bundle import load_bundle, read_card
from edge.model.interpreter import runtime
from edge.outputs.blur import Blurred
from edge.outputs.video import AnnotatedVideo
from edge.pipeline.output import Output
from edge.pipeline.pipeline import Pipeline
from edge.report.digest import Digest, Episode, Person
from edge.report.episodes import Labelled, elan, subtitles
from edge.report.excerpt import ExcerptSource, Span
from edge.report.inputs import ANNOTATED, CSV, EAF, PAGE, PARQUET, SRT, SUMMARY
from edge.report.job import Job
from edge.report.parts import Part, PartWriter
from edge.report.player import Player, relative_address
from edge.report.report_page import page
from edge.report.seams import joined
from edge.report.stretches import Stretch
from edge.report.table import Table
from edge.sources.decoder import damaged_in
from edge.sources.pixels import Pixels


def analyze_video(
    job: Job, progress: Callable[[float], None] = lambda share: None, threads: int | None = None
) -> dict[str, Any]:
    """Process the wanted frames of a video and write its files.

    Args:
        job: the job.
        progress: called with the finished share, 0 to 1, after each frame of a file of known length.
        threads: threads of the decoder; by default one per spare core.

    Returns:
        Content of the summary file.

    Raises:
        UserError: the video cannot be read, or a file cannot be written; no file is written then.
    """
    excerpt = job.wanted.excerpt
    span = Span(excerpt.start or 0.0, math.inf if excerpt.end is None else excerpt.end)
    source = ExcerptSource(job.video, span, excerpt.every, threads)
    with closing(source), _Report(job, source.fps) as report:
        recognizer = _recognize(job, source, report.outputs, progress)
        return report.finish(source.total, source.damage, recognizer.statistics.count_of("faces_left_out"))


def analyze_stretch(
    job: Job, stretch: Stretch, path: Path, progress: Callable[[float], None], threads: int | None = None
) -> None:
    """Process the frames of a stretch of a video and write the results to `path`; otherwise like `analyze_video`."""
    with whole_file(path) as part:
        source = ExcerptSource(job.video, stretch.span(), job.wanted.excerpt.every, threads)
        with closing(source):
            _recognize(job, source, [PartWriter(part, source)], progress)


def join_stretches(job: Job, paths: Sequence[Path]) -> dict[str, Any]:
    """Write the files of a video from the results of its stretches; otherwise like `analyze_video`."""
    events = Events(EVERY_CHANGE)
    with _Report(job, None) as report:
        parts = [Part(path, report.digest.classes) for path in paths]
        with ExitStack() as entered:
            for output in report.outputs:
                entered.enter_context(output)
            for result in map(events.add_to, joined(parts)):
                for output in report.outputs:
                    output.write(result)
        if job.wanted.thumbnails:
            report.digest.take_pictures(partial(_pixels_at, job.video))
        spoilt = sum(part.spoilt for part in parts)
        damage = next((part.damage for part in parts if part.damage), None)
        return report.finish(None, damage or (damaged_in(spoilt) if spoilt else None))


def _recognize(
    job: Job, source: ExcerptSource, outputs: Sequence[Output], progress: Callable[[float], None]
) -> Recognizer:
    # Classify every face in every frame, so that a report does not depend on the schedule.
    recognizer = Recognizer.from_options(replace(job.options, max_classifications=job.options.max_faces))
    with Pipeline(source, recognizer, outputs, limits=EVERY_CHANGE) as pipeline:
        for result in pipeline:
            if (share := source.share(result.frame.captured)) is not None:
                progress(share)
    return recognizer


def _pixels_at(video: Path, seconds: float) -> Pixels | None:
    """Return the picture at a time of a video; None where it is no longer to be had."""
    try:
        with closing(ExcerptSource(video, Span(seconds), threads=1)) as source:
            frame = source.read()
    except UserError:
        return None
    return None if frame is None else frame.pixels


class _Report:
    """The files of a report, which appear together when it is finished.

    Attributes:
        digest: the numbers of the page.
        outputs: outputs of the pipeline, the digest among them.
    """

    def __init__(self, job: Job, fps: float | None) -> None:
        """Prepare; `fps` is the rate of an annotated video."""
        self._job, self._fps = job, fps
        self._bundle = load_bundle(job.options.model, job.options.variant)
        self._card = read_card(job.options.model)
        self._made_from = job.made_from(self._bundle)
        self._episodes: list[Labelled] = []
        note = self._note if job.wanted.elan or job.wanted.subtitles else lambda episode: None
        self.digest = Digest(job.wanted.thumbnails, self._bundle.classes, note)
        self.outputs: list[Output] = []

    def __enter__(self) -> "_Report":
        job = self._job
        job.place.clear_leftovers()
        with ExitStack() as files:
            files.enter_context(no_empty_folders(job.place.path(PARQUET).parent))
            # Closed in reverse order: the summary, which marks the report as complete, appears last.
            self._parts = {
                ending: files.enter_context(whole_file(job.place.path(ending), clear=False)) for ending in job.endings()
            }
            self.outputs = _outputs(job, self.digest, self._parts, self._fps)
            self._files = files.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, error, trace)

    def finish(self, announced: int | None, damage: str | None, faces_left_out: int = 0) -> dict[str, Any]:
        """Write page and summary from the digest; return the content of the summary.

        Args:
            announced: number of frames that the file itself states.
            damage: what is missing from the file; None where it is whole.
            faces_left_out: number of faces that were not followed.
        """
        job = self._job
        self._check(faces_left_out)
        summary = {
            "video": printable(job.video.name),
            "made_from": self._made_from,
            "incomplete": {"until_s": round(self.digest.duration, 3), "reason": damage} if damage else None,
            **findings_of(self.digest, announced),
            "versions": _versions(),
        }
        player = Player(self._address() if job.wanted.with_video else None)
        self._write(PAGE, page(self.digest, summary, self._bundle, self._card, player))
        if job.wanted.elan:
            self._write(EAF, elan(self._episodes, job.video, relative_address(job.video, job.place.path(EAF))))
        if job.wanted.subtitles:
            self._write(SRT, subtitles(self._episodes))
        self._write(SUMMARY, json.dumps(summary, indent=2) + "\n")
        job.place.path(SUMMARY).unlink(missing_ok=True)  # from here on old files are replaced
        if not job.wanted.annotated:
            job.place.path(ANNOTATED).unlink(missing_ok=True)  # an earlier one may show faces that this report hides
        return summary

    def _write(self, ending: str, text: str) -> None:
        with writing(self._job.place.path(ending)):  # a file's name may be in no known encoding
            self._parts[ending].write_text(text, encoding="utf-8", errors="replace")

    def _note(self, episode: Episode) -> None:
        self._episodes.append(Labelled(episode.person, episode.emotion, episode.start, episode.end))

    def _address(self) -> str:
        """Return the address of the video that the page shows: the annotated one, where there is one."""
        place = self._job.place
        return relative_address(
            place.path(ANNOTATED) if self._job.wanted.annotated else self._job.video, place.path(PAGE)
        )

    def _check(self, faces_left_out: int) -> None:
        job = self._job
        if job.made_from(load_bundle(job.options.model, job.options.variant)) != self._made_from:
            raise UserError(
                f"{job.video}: the video or the model changed during the analysis",
                "analyze it again when it is complete",
            )
        if not self.digest.frames:
            raise UserError(f"{job.video}: it has no frame between --from and --to", "give times within the video")
        if job.wanted.blur and faces_left_out:
            raise UserError(
                f"{job.video}: {faces_left_out} faces beyond --max-faces were not followed, and would not be blurred",
                "allow more by --max-faces",
            )


def _outputs(job: Job, digest: Digest, parts: dict[str, Path], fps: float | None) -> list[Output]:
    seen: list[Output] = [digest]
    if job.wanted.annotated:
        seen.append(AnnotatedVideo(parts[ANNOTATED], fps))
    if job.wanted.blur:
        seen = [Blurred(output, job.options.detect_interval) for output in seen]
    return [Table(parts[CSV], parts[PARQUET], digest.classes), *seen]


def findings_of(digest: Digest, announced: int | None) -> dict[str, Any]:
    return {
        "duration_s": round(digest.duration, 6),
        "width": digest.size[0],
        "height": digest.size[1],
        "frames": {
            "answered": digest.frames,
            "with_faces": digest.frames_with_faces,
            "without_faces": digest.frames - digest.frames_with_faces,
            "announced_by_the_file": announced,
        },
        "faces": digest.faces,
        "persons": [_person(person) for person in digest.persons],
        "persons_left_out": digest.left_out,
    }


def _person(person: Person) -> dict[str, Any]:
    shares = person.seconds / max(person.present, 1e-9)
    return {
        "id": person.id,
        "first_s": round(person.first, 3),
        "last_s": round(person.last, 3),
        "seen_s": round(person.present, 3),
        "shares": {state: round(float(share), 4) for state, share in zip(person.states, shares, strict=True)},
        "episodes": dict(person.episodes),
    }


def _versions() -> dict[str, str]:
    package = runtime().split(".")[0]
    return {
        "emotion-edge": package_version("emotion-edge"),
        package: package_version(package),
        "OpenCV": cv2.__version__,
        "numpy": np.__version__,
    }
