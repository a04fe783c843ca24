"""Check this machine, with a remedy for each problem."""

import json
import platform
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.base import assets
from edge.base.board import raspberry_pi, read_condition
from edge.base.errors import UserError
from edge.base.machine import OLDEST_PYAV, camera_devices, closed_devices, has_display, package_version, release
from edge.base.settings import Doctor, Options
from edge.faces.tiles import smallest_face
from edge.model.interpreter import runtime

PYTHONS = ((3, 11), (3, 14))
"""Supported versions: from the first, up to but not including the second."""

SYSTEM_PACKAGES = Path("/usr/lib/python3/dist-packages")
"""Folder of the Python packages that apt installs."""

FIRMWARE_CONFIG = Path("/boot/firmware/config.txt")

IMPORTING = 60.0
"""Time-out for importing a package, seconds; small boards with slow cards need it."""

OTHER_NUMPY = ("numpy.dtype size changed", "numpy.ndarray size changed", "_ARRAY_API", "numpy.core.multiarray failed")
"""Parts of the errors of extensions that were built for another version of numpy."""

ANEW = "'make clean', then 'make run'"
"""Remedy that makes the environment again, with packages that fit the system's."""

PI_CAMERAS = "import json, picamera2; from edge.sources.picamera import pi_cameras; print(json.dumps(pi_cameras()))"


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        name: subject of the check.
        ready: whether it passed.
        detail: what was found.
        remedy: what to do if it failed.
        needed: whether files can be processed only if it passes; a camera and a display are optional.
    """

    name: str
    ready: bool
    detail: str
    remedy: str = ""
    needed: bool = True


def doctor(settings: Doctor) -> int:
    """Say what of the machine is ready; return 2 if recognition cannot run."""
    findings = examine(settings.model)
    print(report(findings))
    return 0 if all(finding.ready for finding in findings if finding.needed) else 2


def examine(model: Path) -> list[Finding]:
    """Run all checks; `model` is the bundle's folder."""
    checks: list[Callable[[], list[Finding]]] = [
        check_python,
        _runtime,
        check_opencv,
        check_pyav,
        check_cameras,
        check_permissions,
        check_pi_camera,
        check_board,
        _smallest_faces,
        _assets,
    ]
    return [finding for check in checks for finding in check()] + check_bundle(model)


def report(findings: list[Finding]) -> str:
    """Format the results for the terminal."""
    lines = []
    for f in findings:
        mark = "ok  " if f.ready else "MISS" if f.needed else "-   "
        lines.append(f"{mark} {f.name:<16}{f.detail}" + (f"  ->  {f.remedy}" if not f.ready else ""))
    return "\n".join(lines)


def check_python() -> list[Finding]:
    """Check the version of Python and the width of the system."""
    version, bits = platform.python_version(), 8 * struct.calcsize("P")
    ready = PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]
    # By Python, since pip chooses packages by it; the kernel may be a 64-bit one.
    remedy = "write the 64-bit system to the card: OpenCV and TFLite have no usable packages for 32-bit systems"
    return [
        Finding("Python", ready, version, "install Python 3.11, 3.12 or 3.13"),
        Finding("system", bits == 64, f"{bits}-bit, on a {platform.machine()} kernel", remedy),
    ]


def _runtime() -> list[Finding]:
    try:
        module = runtime()
    except UserError as error:
        return [Finding("TFLite", False, error.problem, error.remedy)]
    package = module.split(".")[0]
    return [Finding("TFLite", True, f"{package} {package_version(package)}")]


def check_opencv() -> list[Finding]:
    """Check OpenCV, and what it was built with."""
    if trouble := run_code("import cv2").trouble:
        desktop = "install the libraries of a desktop (libgl1 libglib2.0-0) or 'pip install opencv-python-headless'"
        return [Finding("OpenCV", False, trouble.detail, ANEW if trouble.other_numpy else desktop)]
    import cv2

    build = cv2.getBuildInformation()
    parts = [
        name
        for name, line in {"FFmpeg": "FFMPEG:", "V4L2": "v4l/v4l2:", "GStreamer": "GStreamer:"}.items()
        if _built_with(build, line)
    ]
    gui = next((line.split(":")[1].strip() for line in build.splitlines() if line.strip().startswith("GUI:")), "none")
    return [
        Finding("OpenCV", True, f"{cv2.__version__}; windows: {gui}; {', '.join(parts)}"),
        _display(),
    ]


def check_pyav() -> list[Finding]:
    """Check that PyAV can be imported and is new enough."""
    asked = run_code("import av; print(av.__version__, av.__file__)")  # alone: what OpenCV lacks is another finding
    if asked.trouble:
        return [Finding("PyAV", False, asked.trouble.detail, ANEW)]
    version, _, place = asked.output.strip().partition(" ")
    oldest = ".".join(map(str, OLDEST_PYAV))
    remedy = f"{oldest} or newer is needed; this is {place}: {ANEW}"
    return [Finding("PyAV", release(version) >= OLDEST_PYAV, version, remedy)]


def check_cameras() -> list[Finding]:
    """List the USB cameras."""
    devices = camera_devices()
    remedy = "plug in a USB camera, or pass /dev/video0 into the container; files work without"
    return [Finding("camera", bool(devices), ", ".join(devices) or "no /dev/video*", remedy, needed=False)]


def check_permissions() -> list[Finding]:
    """Report devices that this user may not open, if any."""
    if not (closed := closed_devices()):
        return []
    remedy = "'sudo usermod -aG video $USER', then log out and in again"
    return [Finding("permissions", False, f"not allowed to use {', '.join(closed)}", remedy, needed=False)]


def check_pi_camera() -> list[Finding]:
    """Check Picamera2 on a Raspberry Pi, or where it is installed."""
    asked = run_code(PI_CAMERAS)
    if asked.trouble:
        remedy = _picamera2_remedy(asked.trouble)
        return [Finding("Picamera2", False, asked.trouble.detail, remedy, needed=False)] if remedy else []
    names = [f"{source} ({name})" for source, name in json.loads(asked.output.splitlines()[-1])]
    return [Finding("Picamera2", bool(names), ", ".join(names) or "no camera", _camera_remedy(), needed=False)]


def _picamera2_remedy(trouble: "Trouble") -> str:
    """Return the remedy for a Picamera2 that cannot be imported; empty where it is not needed."""
    if "No module named 'cv2'" in trouble.detail:
        return ""  # what OpenCV lacks is another finding
    if "No module named" in trouble.detail:
        apt = "'sudo apt install python3-picamera2'"
        if not (SYSTEM_PACKAGES / "picamera2").exists():
            return f"{apt}, {ANEW}" if raspberry_pi() or "picamera2" not in trouble.detail else ""
        return f"the system has it, this environment does not see the system's packages: {ANEW}"
    if trouble.other_numpy or trouble.crashed:
        return f"it was built for another numpy than this environment has: {ANEW}"
    return "'sudo apt install --reinstall python3-picamera2 python3-libcamera'"


def _camera_remedy() -> str:
    try:
        lines = {line.strip() for line in FIRMWARE_CONFIG.read_text().splitlines()}
    except OSError:
        lines = {"camera_auto_detect=1"}
    if "camera_auto_detect=1" in lines:
        return "switch off, check both ends of the cable, and run 'rpicam-hello --list-cameras'"
    return (
        f"write 'camera_auto_detect=1' into {FIRMWARE_CONFIG} (or your camera's dtoverlay), and start the board again"
    )


def check_board() -> list[Finding]:
    """Report heat and undervoltage; nothing on a machine without sensors."""
    condition = read_condition()
    if condition.temperature is None and not (condition.slowed or condition.undervoltage):
        return []
    trouble = [
        name for name, there in (("undervoltage", condition.undervoltage), ("slowed down", condition.slowed)) if there
    ]
    degrees = [] if condition.temperature is None else [f"{condition.temperature:.0f} °C"]
    remedy = "use a power supply and a cable made for this board" if condition.undervoltage else "cool it"
    return [Finding("board", not trouble, ", ".join([*degrees, *trouble]), remedy, needed=False)]


def _display() -> Finding:
    ready = has_display()
    return Finding("display", ready, "found" if ready else "none", "name --video or --jsonl", needed=False)


def _smallest_faces() -> list[Finding]:
    """List the smallest face by resolution, for the default detector."""
    sizes = {"640×480": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
    live = ", ".join(f"{name} {smallest_face(*size, live=True)}" for name, size in sizes.items())
    recorded = smallest_face(*sizes["4K"], live=False)
    return [Finding("smallest face", True, f"pixels of width found: {live} ({recorded} in recordings)")]


def _assets() -> list[Finding]:
    return [_asset(asset) for asset in assets.ASSETS]


def _asset(asset: assets.Asset) -> Finding:
    needed = asset is assets.YUNET
    try:
        cached = assets.is_cached(asset)
    except UserError as error:
        return Finding(asset.name, False, error.problem, error.remedy, needed)
    detail = asset.origin if cached else "not in the cache"
    return Finding(asset.name, cached, detail, "run 'python -m edge.base.assets' once with a network", needed)


def check_bundle(model: Path) -> list[Finding]:
    """Check the manifest of a bundle and the hash of each model."""
    from edge.model.bundle import model_file, read_manifest, read_variant
    from edge.model.release import releases

    try:
        manifest = read_manifest(model)
    except UserError as error:
        return [Finding("model", False, error.problem, error.remedy)]
    findings = [
        Finding("model", True, ", ".join(filter(None, [f"{manifest.get('name')} in {model}", str(releases(model))])))
    ]
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
    return findings + (_fastest(model) if sum(finding.ready for finding in findings) > 2 else [])


def _fastest(model: Path) -> list[Finding]:
    """Say which variant `--variant auto` takes, of several."""
    from edge.model.fastest_variant import measured_times

    times = ", ".join(
        f"{name} {1000 * seconds:.2f} ms" for name, seconds in measured_times(model, Options.threads).items()
    )
    return [Finding("  fastest", True, times or "not measured yet: a run with '--variant auto' does it once")]


@dataclass(frozen=True)
class Trouble:
    """Failure of a line of Python.

    Attributes:
        detail: its last message.
        other_numpy: whether an extension was built for another numpy.
        crashed: whether the interpreter crashed.
    """

    detail: str
    other_numpy: bool = False
    crashed: bool = False


@dataclass(frozen=True)
class Ran:
    """Return the output of a line of Python, or its error."""

    output: str = ""
    trouble: Trouble | None = None


def run_code(code: str) -> Ran:
    """Run it in a separate process, since an import may crash or hang."""
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=IMPORTING)
    except subprocess.TimeoutExpired:
        return Ran(trouble=Trouble(f"does not answer within {IMPORTING:.0f} s"))
    if done.returncode == 0:
        return Ran(done.stdout)
    crashed = done.returncode < 0
    last = f"crashes (signal {-done.returncode})" if crashed else (done.stderr.strip() or "no reason").splitlines()[-1]
    return Ran(trouble=Trouble(last, any(words in done.stderr for words in OTHER_NUMPY), crashed))


def _built_with(build: str, key: str) -> bool:
    return any(line.strip().startswith(key) and "YES" in line for line in build.splitlines())
