"""Analyze one video frame by frame; its files appear together at the end."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.base.errors import UserError, printable
from edge.base.files import whole_file, writing
from edge.base.machine import package_version
from edge.base.run_statistics import Statistics
from edge.faces.events import EVERY_CHANGE
from edge.faces.recognizer import Recognizer
from edge.model.bundle import load_bundle, read_card
from edge.model.interpreter import runtime
from edge.outputs.blur import Blurred
from edge.outputs.video import AnnotatedVideo
from edge.pipeline.output import Output
from edge.pipeline.pipeline import Pipeline
from edge.report.digest import Digest, Person
from edge.report.inputs import ANNOTATED, CSV, PAGE, PARQUET, SUMMARY
from edge.report.job import Job
from edge.report.report_page import page
from edge.report.table import Table
from edge.sources.video import VideoFileSource


def analyze_video(
    job: Job, progress: Callable[[float], None] = lambda share: None, threads: int | None = None
) -> dict[str, Any]:
    """Process every frame of a video and write its files.

    Args:
        job: the job.
        progress: called with the finished share, 0 to 1, after each frame of a file of known length.
        threads: threads of the decoder; by default one per spare core.

    Returns:
        Content of the summary file.

    Raises:
        UserError: the video cannot be read, or a file cannot be written; no file is written then.
    """
    bundle, card = load_bundle(job.options.model, job.options.variant), read_card(job.options.model)
    made_from = job.made_from(bundle)
    job.place.clear_leftovers()
    # Classify every face in every frame, so that a report does not depend on the schedule.
    recognizer = Recognizer.from_options(replace(job.options, max_classifications=job.options.max_faces))
    with ExitStack() as files:
        source = VideoFileSource(job.video, opened=0.0, threads=threads)  # times count from the start of the video
        files.callback(source.close)
        # Closed in reverse order: the summary, which marks the report as complete, appears last.
        parts = {
            ending: files.enter_context(whole_file(job.place.path(ending), clear=False)) for ending in job.endings()
        }
        digest = Digest(job.wanted.thumbnails, bundle.classes)
        outputs = _outputs(job, digest, parts, source.fps)
        with Pipeline(source, recognizer, outputs, limits=EVERY_CHANGE) as pipeline:
            for result in pipeline:
                if source.duration:
                    progress(min(1.0, result.frame.captured / source.duration))
        _check(job, made_from, recognizer.statistics)
        summary = {
            "video": printable(job.video.name),
            "made_from": made_from,
            "incomplete": _incomplete(source, digest),
            **_findings(digest, source.total),
            "versions": _versions(),
        }
        text = page(digest, summary, bundle, card)
        with writing(job.place.path(PAGE)):  # a file's name may be in no known encoding
            parts[PAGE].write_text(text, encoding="utf-8", errors="replace")
        with writing(job.place.path(SUMMARY)):
            parts[SUMMARY].write_text(json.dumps(summary, indent=2) + "\n")
        job.place.path(SUMMARY).unlink(missing_ok=True)  # from here on old files are replaced
        if not job.wanted.annotated:
            job.place.path(ANNOTATED).unlink(missing_ok=True)  # an earlier one may show faces that this report hides
    return summary


def _outputs(job: Job, digest: Digest, parts: dict[str, Path], fps: float | None) -> list[Output]:
    seen: list[Output] = [digest]
    if job.wanted.annotated:
        seen.append(AnnotatedVideo(parts[ANNOTATED], fps))
    if job.wanted.blur:
        seen = [Blurred(output, job.options.detect_interval) for output in seen]
    return [Table(parts[CSV], parts[PARQUET], digest.classes), *seen]


def _check(job: Job, made_from: dict[str, Any], statistics: Statistics) -> None:
    if job.made_from(load_bundle(job.options.model, job.options.variant)) != made_from:
        raise UserError(
            f"{job.video}: the video or the model changed during the analysis", "analyze it again when it is complete"
        )
    if job.wanted.blur and (left_out := statistics.count_of("faces_left_out")):
        raise UserError(
            f"{job.video}: {left_out} faces beyond --max-faces were not followed, and would not be blurred",
            "allow more by --max-faces",
        )


def _incomplete(source: VideoFileSource, digest: Digest) -> dict[str, Any] | None:
    """Return the reason and the last time of a damaged video; None for a whole one."""
    return {"until_s": round(digest.duration, 3), "reason": source.damage} if source.damage else None


def _findings(digest: Digest, announced: int | None) -> dict[str, Any]:
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
