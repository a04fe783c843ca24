"""The command from end to end on a bundle and a clip that take no time. Nothing is asserted about figures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from edge.assets import YUNET, fetch
from edge.errors import UserError

from .conftest import FRAMES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def _detector():
    try:
        fetch(YUNET)
    except UserError as error:
        pytest.skip(error.problem)


@pytest.mark.usefixtures("_detector")
def test_from_bundle_clip_and_data_to_tables_json_and_plots(bundle, clip, data, tmp_path, capfd):
    output = tmp_path / "results"
    arguments = ["--model", str(bundle), "--clip", str(clip), "--data", str(data), "--output", str(output)]
    assert main([*arguments, "--rounds", "1"]) == 0
    assert {path.suffix for path in output.iterdir()} == {".json", ".png"}
    assert {path.name for path in output.glob("*.png")} == {"latency.png", "pipeline.png"}
    record = json.loads(next(output.glob("*.json")).read_text())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert {(f["variant"], f["threads"]) for f in record["latency"]} == {
        (v, n) for v in ("float32", "int8") for n in {1, cores}
    }
    assert [f["variant"] for f in record["memory"]] == [None, "float32", "int8"]
    assert {f["variant"] for f in record["pipeline"]} == {"float32", "int8"}
    assert all(f["runs"][0]["frames"] == FRAMES for f in record["pipeline"])
    assert all(f["accuracy"] == pytest.approx(1 / 7, abs=1e-5) for f in record["accuracy"])
    assert record["bundle"]["absent"] == ["float16", "dynamic"]
    assert "not in this bundle" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ({"--model": "nowhere"}, "no model bundle here"),
        ({"--clip": "nowhere.mp4"}, "no such clip"),
        ({"--data": "nowhere"}, "no such split"),
        ({"--output": "file"}, "not a folder"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_measured(
    missing, problem, bundle, clip, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    arguments = {"--model": str(bundle), "--clip": str(clip), "--output": "results"} | missing
    assert main([word for pair in arguments.items() for word in pair]) == 2
    error = capsys.readouterr().err
    assert error.startswith("emotion-edge: ")
    assert problem in error
    assert not Path("results").exists()


def test_a_clip_that_is_no_video_is_refused(bundle, tmp_path, capsys):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video")
    assert main(["--model", str(bundle), "--clip", str(clip)]) == 2
    assert "not a video that can be decoded" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--rounds", "x"], ["--split", "train"]])
def test_wrong_options_end_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_a_board_without_the_training_dependencies_can_start():
    """None of them may be needed before --data or a plot asks for it."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('tensorflow', 'keras', 'matplotlib', 'train')))\n"
        "from benchmarks.__main__ import main\n"
        "main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--clip" in done.stdout


def test_accuracy_without_the_training_dependencies_is_refused(bundle, data, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "train.dataset", None)
    assert main(["--model", str(bundle), "--data", str(data)]) == 2
    assert "emotion-edge[train]" in capsys.readouterr().err
