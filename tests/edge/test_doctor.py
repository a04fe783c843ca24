"""What the doctor finds, and what it says to do."""

import importlib

import cv2
import pytest

from edge import doctor
from edge.assets import ASTRONAUT, YUNET
from edge.board import Condition
from edge.bundle import model_file
from edge.doctor import Finding, examine, report
from edge.sources import picamera


def by_name(findings):
    return {finding.name.strip(): finding for finding in findings}


def missing(findings):
    """Names of what is needed and not ready."""
    return {name for name, finding in by_name(findings).items() if finding.needed and not finding.ready}


def test_everything_is_looked_at(bundle):
    found = by_name(examine(bundle))
    assert set(found) == {
        *("Python", "TFLite", "OpenCV", "YuNet", "camera", "display", YUNET.name, ASTRONAUT.name),
        *("model", "float32", "int8"),
    }
    assert all(f.ready for name, f in found.items() if name in {"Python", "TFLite", "OpenCV", "YuNet", "model", "int8"})
    assert all(f.remedy for f in found.values() if not f.ready)
    assert cv2.__version__ in found["OpenCV"].detail


def test_a_missing_bundle_is_named(tmp_path):
    finding = by_name(examine(tmp_path / "nowhere"))["model"]
    assert (finding.ready, finding.needed) == (False, True)
    assert "nowhere" in finding.detail
    assert "make export" in finding.remedy


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
    findings = doctor._bundle(tmp_path)
    assert missing(findings) == expected
    assert {name for name, f in by_name(findings).items() if not f.ready} == set(gone)


def test_a_bundle_whose_manifest_has_no_default_model(make_bundle, tmp_path):
    make_bundle(tmp_path, variants={})
    (tmp_path / model_file("int8")).unlink()
    assert missing(doctor._bundle(tmp_path)) == {"int8"}


def test_a_damaged_model_is_found(make_bundle, tmp_path):
    make_bundle(tmp_path)
    (tmp_path / model_file("int8")).write_bytes(b"damaged")
    finding = by_name(doctor._bundle(tmp_path))["int8"]
    assert (finding.ready, finding.needed) == (False, True)
    assert "is not the manifest's" in finding.detail


def test_assets_that_are_not_in_the_cache(bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTION_EDGE_CACHE", str(tmp_path))
    found = by_name(examine(bundle))
    assert (found[YUNET.name].ready, found[YUNET.name].needed) == (False, True)
    assert (found[ASTRONAUT.name].ready, found[ASTRONAUT.name].needed) == (False, False)
    assert "python -m edge.assets" in found[YUNET.name].remedy


def test_no_tflite_runtime(bundle, monkeypatch):
    def import_module(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    assert "TFLite" in missing(examine(bundle))


@pytest.mark.parametrize(("version", "ready"), [((3, 10, 9), False), ((3, 11, 0), True), ((3, 13, 1), True)])
def test_the_oldest_python(monkeypatch, version, ready):
    monkeypatch.setattr(doctor.sys, "version_info", version)
    assert doctor._python()[0].ready == ready


@pytest.mark.parametrize(
    ("devices", "ready", "detail"),
    [([], False, "no /dev/video*"), (["/dev/video0", "/dev/video1"], True, "/dev/video0, /dev/video1")],
)
def test_a_camera_is_welcome_but_not_needed(monkeypatch, devices, ready, detail):
    monkeypatch.setattr(doctor, "camera_devices", lambda: devices)
    (finding,) = doctor._cameras()
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
    """What only boards have."""

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
        (finding,) = doctor._board()
        assert (finding.ready, finding.detail, finding.needed) == (ready, detail, False)
        assert remedy in finding.remedy

    def test_a_workstation_has_none(self, monkeypatch):
        monkeypatch.setattr(doctor, "read_condition", Condition)
        monkeypatch.setattr(doctor, "raspberry_pi", lambda: False)
        assert doctor._board() == doctor._pi_camera() == []

    def test_a_raspberry_pi_without_picamera2(self, monkeypatch):
        monkeypatch.setattr(doctor, "raspberry_pi", lambda: True)
        (finding,) = doctor._pi_camera()
        assert not finding.ready
        assert "--system-site-packages" in finding.remedy

    @pytest.mark.parametrize(
        ("cameras", "ready", "detail"),
        [([("picamera2:0", "imx708")], True, "picamera2:0 (imx708)"), ([], False, "no camera")],
    )
    def test_its_cameras(self, monkeypatch, cameras, ready, detail):
        monkeypatch.setattr(picamera, "installed", lambda: True)
        monkeypatch.setattr(picamera, "pi_cameras", lambda: cameras)
        (finding,) = doctor._pi_camera()
        assert (finding.ready, finding.detail) == (ready, detail)

    def test_an_extension_for_another_numpy_is_told_apart(self, monkeypatch):
        def broken():
            raise ValueError("numpy.dtype size changed, may indicate binary incompatibility")

        monkeypatch.setattr(picamera, "installed", broken)
        (finding,) = doctor._pi_camera()
        assert not finding.ready
        assert "numpy" in finding.detail
        assert "numpy" in finding.remedy
