"""Says what of this machine is ready for the edge, and what to do about what is not."""

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge import assets
from edge.board import raspberry_pi, read_condition
from edge.errors import UserError
from edge.interpreter import runtime
from edge.machine import camera_devices, has_display, package_version
from edge.options import Options

PYTHONS = ((3, 11), (3, 14))
"""From the first up to, not including, the second."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what.
        ready: whether it is as it should be.
        detail: what was found.
        remedy: what to do where it is not ready.
        needed: whether recognition from files works only with it; a camera and a display are welcome, not needed.
    """

    name: str
    ready: bool
    detail: str
    remedy: str = ""
    needed: bool = True


def examine(model: Path) -> list[Finding]:
    """Look at everything that the edge needs. `model` is the bundle's folder."""
    checks: list[Callable[[], list[Finding]]] = [
        _python,
        _runtime,
        _opencv,
        _cameras,
        _pi_camera,
        _board,
        _display,
        _assets,
    ]
    return [finding for check in checks for finding in check()] + _bundle(model)


def report(findings: list[Finding]) -> str:
    """Findings as lines for the terminal."""
    lines = []
    for f in findings:
        mark = "ok  " if f.ready else "MISS" if f.needed else "-   "
        lines.append(f"{mark} {f.name:<16}{f.detail}" + (f"  ->  {f.remedy}" if not f.ready else ""))
    return "\n".join(lines)


def _python() -> list[Finding]:
    version = platform.python_version()
    bits = "64-bit" if sys.maxsize > 2**32 else "32-bit"
    ready = PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]
    return [
        Finding("Python", ready, f"{version}, {bits}, {platform.machine()}", "install Python 3.11, 3.12 or 3.13"),
    ]


def _runtime() -> list[Finding]:
    try:
        module = runtime()
    except UserError as error:
        return [Finding("TFLite", False, error.problem, error.remedy)]
    package = module.split(".")[0]
    return [Finding("TFLite", True, f"{package} {package_version(package)}")]


def _opencv() -> list[Finding]:
    try:
        import cv2
    except ImportError as error:
        remedy = "install the libraries of a desktop (libgl1 libglib2.0-0) or 'pip install opencv-python-headless'"
        return [Finding("OpenCV", False, str(error), remedy)]
    build = cv2.getBuildInformation()
    parts = [
        name
        for name, line in {"FFmpeg": "FFMPEG:", "V4L2": "v4l/v4l2:", "GStreamer": "GStreamer:"}.items()
        if _built_with(build, line)
    ]
    gui = next((line.split(":")[1].strip() for line in build.splitlines() if line.strip().startswith("GUI:")), "none")
    return [
        Finding("OpenCV", True, f"{cv2.__version__}; windows: {gui}; {', '.join(parts)}"),
        Finding(
            "YuNet",
            hasattr(cv2, "FaceDetectorYN"),
            "OpenCV's FaceDetectorYN",
            "update to OpenCV 4.8 or newer",
        ),
    ]


def _cameras() -> list[Finding]:
    devices = camera_devices()
    remedy = "plug in a USB camera, or pass /dev/video0 into the container; files work without"
    return [Finding("camera", bool(devices), ", ".join(devices) or "no /dev/video*", remedy, needed=False)]


def _pi_camera() -> list[Finding]:
    """Only where Picamera2 is meant to be: on a Raspberry Pi, or where somebody installed it."""
    try:
        from edge.sources import picamera
    except ImportError:
        return []  # what OpenCV lacks is another finding
    try:
        if not picamera.installed():
            remedy = "'sudo apt install python3-picamera2', and make the environment with --system-site-packages"
            return [Finding("Picamera2", False, "not installed", remedy, needed=False)] if raspberry_pi() else []
        names = [f"{source} ({name})" for source, name in picamera.pi_cameras()]
    except (ImportError, ValueError, RuntimeError, OSError) as error:
        # An extension that was built for another numpy.
        remedy = "take the numpy that the system's packages were built for into the environment"
        return [Finding("Picamera2", False, str(error).splitlines()[0], remedy, needed=False)]
    remedy = "check the cable, and that the camera is enabled in /boot/firmware/config.txt"
    return [Finding("Picamera2", bool(names), ", ".join(names) or "no camera", remedy, needed=False)]


def _board() -> list[Finding]:
    condition = read_condition()
    if condition.temperature is None and not (condition.slowed or condition.undervoltage):
        return []
    trouble = [
        name for name, there in (("undervoltage", condition.undervoltage), ("slowed down", condition.slowed)) if there
    ]
    degrees = [] if condition.temperature is None else [f"{condition.temperature:.0f} °C"]
    remedy = "take a power supply and a cable that are made for this board" if condition.undervoltage else "cool it"
    return [Finding("board", not trouble, ", ".join([*degrees, *trouble]), remedy, needed=False)]


def _display() -> list[Finding]:
    try:
        ready = has_display()
    except ImportError:
        ready = False
    return [Finding("display", ready, "found" if ready else "none", "name --output or --jsonl", needed=False)]


def _assets() -> list[Finding]:
    return [
        Finding(
            asset.name,
            assets.is_cached(asset),
            asset.origin if assets.is_cached(asset) else "not in the cache",
            "run 'python -m edge.assets' once with a network",
            needed=asset is assets.YUNET,
        )
        for asset in assets.ASSETS
    ]


def _bundle(model: Path) -> list[Finding]:
    from edge.bundle import model_file, read_manifest, read_variant

    try:
        manifest = read_manifest(model)
    except UserError as error:
        return [Finding("model", False, error.problem, error.remedy)]
    findings = [Finding("model", True, f"{manifest.get('name')} in {model}")]
    for variant in {Options.variant: {}, **manifest.get("variants", {})}:
        if not (model / model_file(variant)).exists():
            needed = variant == Options.variant
            findings.append(Finding(f"  {variant}", False, "not here", "'make export' makes it", needed))
            continue
        try:
            size = len(read_variant(model, manifest, variant))
            findings.append(Finding(f"  {variant}", True, f"{size / 1e6:.1f} MB, hash verified"))
        except UserError as error:
            findings.append(Finding(f"  {variant}", False, error.problem, error.remedy))
    return findings


def _built_with(build: str, key: str) -> bool:
    return any(line.strip().startswith(key) and "YES" in line for line in build.splitlines())
