"""Findings of the doctor, and their remedies."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import msgspec
import pytest

from edge.app import doctor
from edge.app.doctor import Finding, examine, report
from edge.base import assets
from edge.base.assets import ASTRONAUT, EXPRESSIONS, YUNET
from edge.base.board import Condition
from edge.base.errors import UserError
from edge.model.bundle import model_file
from edge.model.release import OFFER_FILE, RELEASE_FILE, Offer, Release

ROOT = Path(__file__).parents[3]


def by_name(findings):
    return {finding.name.strip(): finding for finding in findings}


def missing(findings):
    """Names of what is needed and not ready."""
    return {name for name, finding in by_name(findings).items() if finding.needed and not finding.ready}


def test_everything_is_looked_at(bundle):
    found = by_name(examine(bundle))
    assert set(found) == {
        *(
            "Python",
            "system",
            "TFLite",
            "OpenCV",
            "PyAV",
            "camera",
            "display",
            "smallest face",
            YUNET.name,
            ASTRONAUT.name,
        ),
        EXPRESSIONS.name,
        *("model", "float32", "int8", "fastest"),
    }
    assert all(
        f.ready for name, f in found.items() if name in {"Python", "system", "TFLite", "OpenCV", "model", "int8"}
    )
    assert all(f.remedy for f in found.values() if not f.ready)
    assert cv2.__version__ in found["OpenCV"].detail


def test_the_smallest_face_is_stated_by_resolution(bundle):
    detail = by_name(examine(bundle))["smallest face"].detail
    assert detail == "pixels of width found: 640×480 40, 720p 40, 1080p 40, 4K 80 (40 in recordings)"


def test_a_missing_bundle_is_named(tmp_path):
    finding = by_name(examine(tmp_path / "nowhere"))["model"]
    assert (finding.ready, finding.needed) == (False, True)
    assert "nowhere" in finding.detail
    assert "name default, nano, fer2013" in finding.remedy


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        pytest.param([], set(), id="all there"),
        pytest.param(["float32"], set(), id="a variant that is not used unless asked for"),
        pytest.param(["int8"], {"int8"}, id="the one that runs by default"),
        pytest.param(["float32", "int8"], {"int8"}, id="all of them"),
    ],
)
def test_models_that_are_not_there(make_bundle, tmp_path, gone, expected):
    make_bundle(tmp_path)
    for variant in gone:
        (tmp_path / model_file(variant)).unlink()
    findings = doctor.check_bundle(tmp_path)
    assert missing(findings) == expected
    assert {name for name, f in by_name(findings).items() if not f.ready} == set(gone)


def test_a_bundle_whose_manifest_has_no_default_model(make_bundle, tmp_path):
    make_bundle(tmp_path, variants={})
    (tmp_path / model_file("int8")).unlink()
    assert missing(doctor.check_bundle(tmp_path)) == {"int8"}


def test_a_damaged_model_is_found(make_bundle, tmp_path):
    make_bundle(tmp_path)
    (tmp_path / model_file("int8")).write_bytes(b"damaged")
    finding = by_name(doctor.check_bundle(tmp_path))["int8"]
    assert (finding.ready, finding.needed) == (False, True)
    assert "is not the manifest's" in finding.detail


def test_assets_that_are_not_in_the_cache(bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTION_EDGE_CACHE", str(tmp_path))
    found = by_name(examine(bundle))
    assert (found[YUNET.name].ready, found[YUNET.name].needed) == (False, True)
    assert (found[ASTRONAUT.name].ready, found[ASTRONAUT.name].needed) == (False, False)
    assert "python -m edge.base.assets" in found[YUNET.name].remedy


def test_a_cache_that_may_not_be_read(bundle, tmp_path, monkeypatch):
    def is_cached(asset):
        raise UserError(f"{asset.file_name}: cannot be read (Permission denied)", "let this user read it")

    monkeypatch.setattr(assets, "is_cached", is_cached)
    found = by_name(examine(bundle))[YUNET.name]
    assert (found.ready, found.needed, found.remedy) == (False, True, "let this user read it")
    assert "Permission denied" in found.detail


def test_no_tflite_runtime(bundle, monkeypatch):
    def import_module(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    assert "TFLite" in missing(examine(bundle))


@pytest.mark.parametrize(("version", "ready"), [((3, 10, 9), False), ((3, 11, 0), True), ((3, 13, 1), True)])
def test_the_oldest_python(monkeypatch, version, ready):
    monkeypatch.setattr(doctor.sys, "version_info", version)
    assert doctor.check_python()[0].ready == ready


@pytest.mark.parametrize(
    ("pointer", "machine", "ready", "detail"),
    [
        pytest.param(8, "aarch64", True, "64-bit, on a aarch64 kernel", id="as it should be"),
        pytest.param(4, "armv7l", False, "32-bit, on a armv7l kernel", id="32-bit"),
        pytest.param(4, "aarch64", False, "32-bit, on a aarch64 kernel", id="32-bit programs on a 64-bit kernel"),
    ],
)
def test_a_32_bit_system(monkeypatch, pointer, machine, ready, detail):
    monkeypatch.setattr(doctor.struct, "calcsize", lambda _: pointer)
    monkeypatch.setattr(doctor.platform, "machine", lambda: machine)
    finding = doctor.check_python()[1]
    assert (finding.ready, finding.detail, finding.needed) == (ready, detail, True)
    assert "64-bit system to the card" in finding.remedy


@pytest.mark.parametrize(
    ("devices", "ready", "detail"),
    [([], False, "no /dev/video*"), (["/dev/video0", "/dev/video1"], True, "/dev/video0, /dev/video1")],
)
def test_a_camera_is_welcome_but_not_needed(monkeypatch, devices, ready, detail):
    monkeypatch.setattr(doctor, "camera_devices", lambda: devices)
    (finding,) = doctor.check_cameras()
    assert (finding.ready, finding.detail, finding.needed) == (ready, detail, False)


def test_the_report_marks_what_is_missing_and_says_what_to_do():
    lines = report(
        [
            Finding("good", True, "1.2.3", "never said"),
            Finding("bad", False, "not here", "fetch it"),
            Finding("welcome", False, "none", "plug it in", needed=False),
        ]
    ).splitlines()
    assert [line.split() for line in lines] == [
        ["ok", "good", "1.2.3"],
        ["MISS", "bad", "not", "here", "->", "fetch", "it"],
        ["-", "welcome", "none", "->", "plug", "it", "in"],
    ]


class TestBoards:
    """Findings on boards."""

    @pytest.mark.parametrize(
        ("condition", "ready", "detail", "remedy"),
        [
            (Condition(48.2), True, "48 °C", ""),
            (Condition(82.0, slowed=True), False, "82 °C, slowed down", "cool it"),
            (Condition(None, undervoltage=True), False, "undervoltage", "power supply"),
        ],
    )
    def test_its_condition(self, monkeypatch, condition, ready, detail, remedy):
        monkeypatch.setattr(doctor, "read_condition", lambda: condition)
        (finding,) = doctor.check_board()
        assert (finding.ready, finding.detail, finding.needed) == (ready, detail, False)
        assert remedy in finding.remedy

    def test_a_workstation_has_none(self, monkeypatch, package):
        monkeypatch.setattr(doctor, "read_condition", Condition)
        monkeypatch.setattr(doctor, "raspberry_pi", lambda: False)
        package("picamera2", "raise ModuleNotFoundError(\"No module named 'picamera2'\")")
        assert doctor.check_board() == doctor.check_pi_camera() == []

    @pytest.mark.parametrize(("closed", "expected"), [([], []), (["/dev/video0", "/dev/media1"], [False])])
    def test_a_user_who_may_not(self, monkeypatch, closed, expected):
        monkeypatch.setattr(doctor, "closed_devices", lambda: closed)
        findings = doctor.check_permissions()
        assert [finding.ready for finding in findings] == expected
        for finding in findings:
            assert "/dev/video0, /dev/media1" in finding.detail
            assert "usermod -aG video" in finding.remedy


@pytest.fixture
def package(tmp_path, monkeypatch):
    """`package(name, source)` puts a package before all others of that name, for processes that are started now."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "packages"), str(ROOT)]))

    def put(name, source):
        (tmp_path / "packages").mkdir(exist_ok=True)
        (tmp_path / "packages" / f"{name}.py").write_text(source)

    return put


CAMERAS = "class Picamera2:\n    global_camera_info = staticmethod(lambda: {})\n"


class TestPicamera2:
    """Findings about it, by packages that behave as broken ones do."""

    @pytest.mark.parametrize(
        ("source", "detail", "remedy"),
        [
            pytest.param(
                "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility. Expected 96')",
                "numpy.dtype size changed",
                "built for another numpy",
                id="an extension for another numpy",
            ),
            pytest.param(
                "import sys\nprint('AttributeError: _ARRAY_API not found', file=sys.stderr)\nraise ImportError('gone')",
                "gone",
                "built for another numpy",
                id="one that numpy 2 tells of first",
            ),
            pytest.param("import os\nos.abort()", "crashes (signal 6)", "built for another numpy", id="a crash"),
            pytest.param(
                "raise ModuleNotFoundError(\"No module named 'libcamera'\")",
                "No module named 'libcamera'",
                "apt install python3-picamera2",
                id="pip's alone",
            ),
            pytest.param("raise OSError('libfoo.so.1: gone')", "libfoo.so.1: gone", "--reinstall", id="anything else"),
            pytest.param(CAMERAS.format("[]"), "no camera", "check both ends of the cable", id="no camera"),
        ],
    )
    def test_what_is_wrong_with_it(self, package, monkeypatch, tmp_path, source, detail, remedy):
        monkeypatch.setattr(doctor, "SYSTEM_PACKAGES", tmp_path)
        package("picamera2", source)
        (finding,) = doctor.check_pi_camera()
        assert (finding.ready, finding.needed) == (False, False)
        assert detail in finding.detail
        assert remedy in finding.remedy

    def test_its_cameras(self, package):
        package("picamera2", CAMERAS.format([{"Num": 0, "Model": "imx708", "Id": "/base/i2c"}]))
        (finding,) = doctor.check_pi_camera()
        assert (finding.ready, finding.detail) == (True, "picamera2:0 (imx708)")

    @pytest.mark.parametrize(
        ("board", "in_system", "remedy"),
        [
            pytest.param(True, False, "apt install python3-picamera2", id="not installed"),
            pytest.param(True, True, "does not see the system's packages", id="the environment does not see it"),
            pytest.param(False, True, "does not see the system's packages", id="neither on another board"),
        ],
    )
    def test_where_it_is_missing(self, package, monkeypatch, tmp_path, board, in_system, remedy):
        package("picamera2", "raise ModuleNotFoundError(\"No module named 'picamera2'\")")
        if in_system:
            (tmp_path / "picamera2").mkdir()
        monkeypatch.setattr(doctor, "SYSTEM_PACKAGES", tmp_path)
        monkeypatch.setattr(doctor, "raspberry_pi", lambda: board)
        (finding,) = doctor.check_pi_camera()
        assert remedy in finding.remedy
        assert "make clean" in finding.remedy

    def test_an_import_that_never_ends(self, package, monkeypatch):
        monkeypatch.setattr(doctor, "IMPORTING", 0.2)
        package("picamera2", "import time\ntime.sleep(60)")
        (finding,) = doctor.check_pi_camera()
        assert "does not answer" in finding.detail

    @pytest.mark.parametrize(
        ("config", "remedy"),
        [
            pytest.param(None, "check both ends of the cable", id="no such file"),
            pytest.param("[all]\ncamera_auto_detect=1\n", "check both ends of the cable", id="enabled"),
            pytest.param("camera_auto_detect=0\n", "write 'camera_auto_detect=1'", id="switched off"),
            pytest.param("#camera_auto_detect=1\n", "write 'camera_auto_detect=1'", id="a comment"),
        ],
    )
    def test_a_camera_that_is_not_enabled(self, package, monkeypatch, tmp_path, config, remedy):
        monkeypatch.setattr(doctor, "FIRMWARE_CONFIG", tmp_path / "config.txt")
        if config is not None:
            (tmp_path / "config.txt").write_text(config)
        package("picamera2", CAMERAS.format("[]"))
        (finding,) = doctor.check_pi_camera()
        assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        pytest.param("raise ImportError('libGL.so.1: cannot open')", "opencv-python-headless", id="no desktop"),
        pytest.param("raise ImportError('numpy.core.multiarray failed to import')", "make clean", id="another numpy"),
    ],
)
def test_an_opencv_that_does_not_load(package, source, remedy):
    package("cv2", source)
    (finding,) = doctor.check_opencv()
    assert (finding.ready, finding.needed) == (False, True)
    assert remedy in finding.remedy


NO_PYAV = {
    "missing": ("raise ModuleNotFoundError(\"No module named 'av'\", name='av')", "No module named 'av'"),
    "another numpy": ("raise ValueError('numpy.dtype size changed, may indicate')", "numpy.dtype size changed"),
    "a library that is missing": ("raise ImportError('libX11.so.6: cannot open')", "libX11.so.6"),
    "too old": ("__version__ = '14.2.0'", "14.2.0"),
}


@pytest.mark.parametrize(("source", "detail"), NO_PYAV.values(), ids=NO_PYAV)
def test_a_pyav_that_does_not_fit(package, source, detail, tmp_path):
    package("av", source)
    (finding,) = doctor.check_pyav()
    assert (finding.ready, finding.needed) == (False, True)
    assert detail in finding.detail
    assert "make clean" in finding.remedy
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"something")
    command = [sys.executable, "-m", "edge", "run", str(clip), "--no-window"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 2
    assert "emotion-edge: PyAV" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_pyav_that_is_installed_fits():
    (finding,) = doctor.check_pyav()
    assert finding.ready


def test_the_doctor_comes_without_opencv(package, tmp_path):
    package("cv2", "raise ImportError('libGL.so.1: cannot open')")
    command = [sys.executable, "-m", "edge", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 2
    assert "MISS OpenCV" in done.stdout
    assert "ok   PyAV" in done.stdout
    assert "Traceback" not in done.stderr


def test_releases_are_named(make_bundle, tmp_path):
    link = tmp_path / "current"
    link.symlink_to(make_bundle(tmp_path / "versions" / "8"))
    assert by_name(doctor.check_bundle(link))["model"].detail.endswith("/current")
    release = Release(8, "tiny", "stable", "1" * 64)
    (link / RELEASE_FILE).write_bytes(msgspec.json.encode(release))
    assert by_name(doctor.check_bundle(link))["model"].detail.endswith("/current, release 8")
    (tmp_path / OFFER_FILE).write_bytes(msgspec.json.encode(Offer(msgspec.structs.replace(release, version=9), 0.0)))
    assert by_name(doctor.check_bundle(link))["model"].detail.endswith("/current, release 8, 9 is offered")
    (tmp_path / OFFER_FILE).write_bytes(b"{damaged")
    assert by_name(doctor.check_bundle(link))["model"].detail.endswith("/current, release 8")
