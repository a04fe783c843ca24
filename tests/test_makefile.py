"""The Makefile on different systems: only what it would run is looked at."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not here")


def would_run(folder, target, numpy, *words):
    """Return the commands of `make target words…` where the system has a Picamera2 and this numpy; None: none."""
    python = folder / "python"
    answer = f"echo {numpy}" if numpy else "exit 1"
    python.write_text(f'#!/bin/sh\ncase "$*" in *picamera2*) {answer};; *) exec {sys.executable} "$@";; esac\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "-n", target, *words, f"PYTHON={python}", f"VENV={folder / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("numpy", "system", "lock"),
    [
        pytest.param(None, False, "edge", id="no Picamera2"),
        pytest.param("1.24.2", True, "bookworm", id="bookworm"),
        pytest.param("2.2.4", True, "edge", id="trixie"),
    ],
)
@pytest.mark.parametrize("target", ["run", "demo", "doctor", "bench"])
def test_the_environment_fits_the_systems_picamera2(tmp_path, target, numpy, system, lock):
    said = would_run(tmp_path, target, numpy)
    assert ("-m venv --system-site-packages" in said) == system
    assert f"requirements/{lock}.txt" in said
    assert (ROOT / "requirements" / f"{lock}.txt").exists()


@pytest.mark.parametrize(("numpy", "lock"), [(None, "test"), ("1.24.2", "opencv4"), ("2.2.4", "test")])
def test_so_do_its_tests(tmp_path, numpy, lock):
    assert f"requirements/{lock}.txt" in would_run(tmp_path, "test-edge", numpy)


def test_ci_leaves_no_test_out(tmp_path):
    words = " ".join(would_run(tmp_path, target, None) for target in ("test-edge", "test-others")).split()
    chosen = [ROOT / word for word in words if word.startswith("tests/")]
    files = [*(ROOT / "tests").rglob("test_*.py")]
    assert files
    assert [path for path in files if not any(path.is_relative_to(place) for place in chosen)] == []


def packages(lock):
    lines = (ROOT / "requirements" / f"{lock}.txt").read_text().splitlines()
    return {line.partition(";")[0].strip() for line in lines if "==" in line}


def test_bookworm_runs_what_was_tested():
    assert packages("bookworm") < packages("opencv4")
    assert {"numpy", "opencv-python", "ai-edge-litert"} <= {line.partition("==")[0] for line in packages("bookworm")}


@pytest.mark.parametrize("lock", ["outputs", "analyze", "cluster", "bench"])
def test_what_comes_on_top_leaves_the_boards_packages_alone(lock):
    assert not {line.partition("==")[0] for line in packages(lock)} & {
        line.partition("==")[0] for line in packages("edge")
    }


@pytest.mark.parametrize(
    ("words", "locks"),
    [
        pytest.param(["run", "ARGS=--web"], {"edge", "outputs"}, id="live page"),
        pytest.param(["demo", "ARGS=--web"], {"edge", "outputs"}, id="the demo's live page"),
        pytest.param(["run", "ARGS=--jsonl - --mqtt mqtt://broker"], {"edge", "outputs"}, id="MQTT"),
        pytest.param(["run", "ARGS=--jsonl -"], {"edge"}, id="nothing more"),
        pytest.param(["analyze", "VIDEO=clip.mp4"], {"edge", "analyze"}, id="reports"),
        pytest.param(
            ["analyze", "VIDEO=clips", "ARGS=--cluster local:2"], {"edge", "analyze", "cluster"}, id="an archive"
        ),
        pytest.param(["bench", "ARGS=all"], {"edge", "bench", "outputs", "analyze", "cluster"}, id="all benchmarks"),
    ],
)
def test_what_is_asked_for_is_installed(tmp_path, words, locks):
    said = would_run(tmp_path, words[0], None, *words[1:])
    assert {
        lock for lock in ("edge", "outputs", "analyze", "cluster", "bench") if f"requirements/{lock}.txt" in said
    } == locks


def environment(folder, version, interpreter=sys.executable, script=sys.executable):
    """An environment that was made with this version, as far as make looks at it."""
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}\n")
    (folder / "bin" / "python").symlink_to(interpreter)
    (folder / "bin" / "pip").write_text(f"#!{script}\nimport pip\n")
    for stamp in ("edge.stamp", "test.stamp"):
        (folder / stamp).touch()


HERE = "{}.{}.1".format(*sys.version_info)


@pytest.mark.parametrize(
    ("made", "anew"),
    [
        pytest.param({"version": HERE}, False, id="it fits"),
        pytest.param({"version": "3.1.4"}, True, id="the system has been upgraded"),
        pytest.param({"version": HERE, "interpreter": "/nowhere/python3"}, True, id="its Python is gone"),
        pytest.param({"version": HERE, "script": "/nowhere/.venv/bin/python"}, True, id="it was moved"),
    ],
)
def test_an_environment_that_does_not_fit_any_more_is_made_anew(tmp_path, made, anew):
    environment(tmp_path / "venv", **made)
    said = would_run(tmp_path, "doctor", None)
    assert ("-m venv --clear" in said) == anew
    assert ("requirements/edge.txt" in said) == anew, "with all that was in it"
    assert "emotion-edge doctor" in said


def test_a_first_environment_clears_nothing(tmp_path):
    said = would_run(tmp_path, "doctor", None)
    assert "-m venv" in said
    assert "--clear" not in said


def test_what_is_large_is_said_before(tmp_path):
    assert "(3700 MB, which takes some minutes)" in would_run(tmp_path, "data", None, "SOURCE=x.zip")
    assert "MB" not in would_run(tmp_path, "analyze", None, "VIDEO=x.mp4").partition("for: analyze")[2]


def asked_of_pip(folder, **options):
    """The words that make gives to pip to install the extra of `analyze`, in an environment of stand-ins."""
    environment(folder / "venv", HERE)
    (folder / "venv" / "bin" / "python").unlink()
    programs = {
        "python": f'case "$*" in *pyvenv*) exec {sys.executable} "$@";; esac',
        "pip": f'echo "$*" >> {folder / "asked"}',
    }
    for name, does in programs.items():
        (folder / "venv" / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / "venv" / "bin" / name).chmod(0o755)
    stamp = folder / "venv" / "analyze.stamp"
    subprocess.run(["make", stamp, f"VENV={stamp.parent}"], cwd=ROOT, stdout=subprocess.PIPE, check=True, **options)
    assert stamp.exists()
    return (folder / "asked").read_text()


def test_pip_shows_its_progress_at_a_terminal_only(tmp_path):
    log, terminal = tmp_path / "log", tmp_path / "terminal"
    assert "--quiet" in asked_of_pip(log, stderr=subprocess.PIPE)
    ours, theirs = os.openpty()
    try:
        assert "--quiet" not in asked_of_pip(terminal, stderr=theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def test_help_lists_every_target_in_a_group_within_a_terminals_width():
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (declared,) = (line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY: help"))
    targets = [line.split()[1] for line in said.splitlines() if line.startswith("  make ")]
    assert sorted(targets) == sorted(declared.split()[1:])
    assert [line for line in said.splitlines() if line.endswith(":")] == ["use:", "train:", "develop:"]
    assert max(map(len, said.splitlines())) < 100
