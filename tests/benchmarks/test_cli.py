"""The command from end to end on a bundle and a clip that take no time. Nothing is asserted about figures."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.base.record import keep, read_record
from benchmarks.measure.emulated import EMULATED
from benchmarks.measure.scaling import HEIGHT_BY_WIDTH
from benchmarks.report.document import BEGIN, BOARDS_BEGIN, END, FRONT, report
from benchmarks.suite import FAILED, MEASUREMENTS, NOT_REACHED
from edge.base.assets import YUNET, fetch
from edge.base.errors import UserError
from tests.benchmarks.conftest import FRAMES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def _detector():
    try:
        fetch(YUNET)
    except UserError as error:
        pytest.skip(error.problem)


@pytest.mark.slow
@pytest.mark.usefixtures("_detector")
def test_from_bundle_clip_and_data_to_tables_json_and_plots(bundle, clip, data, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("benchmarks.measure.live.LIVE_SECONDS", 2.0)
    output = tmp_path / "results"
    arguments = ["--model", str(bundle), "--clip", str(clip), "--data", str(data), "--output", str(output)]
    assert main([*arguments, "--rounds", "1"]) == 0
    assert {path.suffix for path in output.iterdir()} == {".json", ""}
    assert record_of(output)["missing"] == {}
    assert {path.stem for path in output.glob("*/*.png")} == {FRONT}
    record = record_of(output)["figures"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert {(f["variant"], f["threads"]) for f in record["latency"]} == {
        (v, n) for v in ("float32", "int8") for n in {1, cores}
    }
    assert all(10e6 < f["peak"] < 200e6 for f in record["latency"])
    assert {f["variant"] for f in record["pipeline"]} == {"float32", "int8"}
    assert all(f["runs"][0]["frames"] == FRAMES for f in record["pipeline"])
    assert all(f["accuracy"] == pytest.approx(1 / 7, abs=1e-5) for f in record["accuracy"])
    assert {f["variant"] for f in record["stages"] + record["live"] + record["face-count"]} == {"int8"}
    assert all(0 < f["overhead"] <= 1 for f in record["stages"] if f["cores"] == 1)
    assert all(0 < f["answered"] <= 1 and f["cpu"]["p50"] > 0 for f in record["live"])
    assert [f["faces"] for f in record["face-count"]] == [1, 2, 4, 8, 16]
    assert [(f["width"], f["height"]) for f in record["frame-size"]] == [*HEIGHT_BY_WIDTH.items()]
    shown = capfd.readouterr().out
    assert "not in this bundle: float16, dynamic" in shown
    assert main(["report", *map(str, output.glob("*.json")), "--output", str(tmp_path / "again")]) == 0
    assert capfd.readouterr().out.split("records:")[0] == shown.split("records:")[0]


@pytest.mark.usefixtures("_detector")
def test_a_gap_is_named_and_the_rest_is_there(bundle, clip, tmp_path, monkeypatch, capfd):
    def prepare(name, lock):
        raise UserError("no network", "wait")

    monkeypatch.setattr("benchmarks.peers.lineup.prepare", prepare)
    monkeypatch.setattr("benchmarks.peers.measure.prepare", prepare)
    output = tmp_path / "results"
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}{END}")
    words = ["latency", "peers", "--model", str(bundle), "--clip", str(clip), "--output", str(output)]
    assert main([*words, "--rounds", "1", "--page", str(page)]) == 0
    record = record_of(output)
    assert list(record["figures"]) == ["latency", "peers", "peers-model"], "peers stands for all"
    assert {row["name"] for row in record["figures"]["peers"] + record["figures"]["peers-model"]} == {"emotion-edge"}
    packages = ("fer", "fer hdf5", "facex", "mediapipe")
    gaps = {f"{name}, {who}" for name in ("peers", "peers-model") for who in packages}
    assert set(record["missing"]) == gaps | {"peers-footprint", "peers-accuracy"}
    assert "Not measured: peers, facex (no network: wait)." in page.read_text()


@pytest.mark.usefixtures("_detector")
def test_an_interrupted_run_leaves_what_it_found(bundle, clip, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    replace_measurement(monkeypatch, "pipeline", interrupt)
    output = tmp_path / "results"
    assert main(["--model", str(bundle), "--clip", str(clip), "--output", str(output), "--rounds", "1"]) == 130
    record = record_of(output)
    assert list(record["figures"]) == ["latency"]
    assert record["missing"] == dict.fromkeys(("pipeline", "stages", "live", "face-count", "frame-size"), NOT_REACHED)
    assert f"Not measured: pipeline ({NOT_REACHED})." in report(record, {})


@pytest.mark.usefixtures("_detector")
def test_peers_that_are_interrupted_leave_what_they_found(bundle, clip, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.peers.lineup.PEERS", ())
    replace_measurement(monkeypatch, "peers-model", interrupt)
    output = tmp_path / "results"
    words = ["peers", "--model", str(bundle), "--clip", str(clip), "--output", str(output), "--rounds", "1"]
    assert main(words) == 130
    record = record_of(output)
    assert list(record["figures"]) == ["peers"]
    assert record["missing"] == dict.fromkeys(("peers-model", "peers-footprint", "peers-accuracy"), NOT_REACHED)


@pytest.mark.usefixtures("_detector")
def test_a_bug_is_shown_and_costs_its_own_measurement(bundle, clip, tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("it ended with status 1:\nTraceback\nValueError: rotten")

    replace_measurement(monkeypatch, "latency", fail)
    output = tmp_path / "results"
    words = ["latency", "counts", "--model", str(bundle), "--clip", str(clip), "--output", str(output)]
    assert main([*words, "--rounds", "1"]) == 1
    record = record_of(output)
    assert list(record["figures"]) == ["counts"]
    assert record["missing"] == {"latency": f"{FAILED}: ValueError: rotten"}
    assert "Traceback (most recent call last)" in caplog.text


def replace_measurement(monkeypatch, name, run):
    monkeypatch.setitem(MEASUREMENTS, name, replace(MEASUREMENTS[name], run=run))


def record_of(folder):
    return json.loads(next(folder.glob("*.json")).read_text())


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ({"--model": "nowhere"}, "no model bundle here"),
        ({"--clip": "nowhere.mp4"}, "no such clip"),
        ({"--data": "nowhere"}, "no such split"),
        ({"--output": "file"}, "not a folder"),
        ({"--page": "page.md"}, "cannot be read"),
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


def test_two_runs_are_compared_and_what_got_worse_ends_with_1(record, tmp_path, capsys):
    before = keep(record, tmp_path / "before")
    for row in record["figures"]["live"]:
        row["cpu"]["values"] = [0.4]
    after = keep(record, tmp_path / "after")
    assert main(["compare", str(before), str(before)]) == 0
    assert main(["compare", str(before), str(after)]) == 1
    assert "**worse by more than 5%**" in capsys.readouterr().out
    record["figures"] = {}
    assert main(["compare", str(before), str(keep(record, tmp_path / "empty"))]) == 2


def test_a_model_with_other_operators_ends_with_1_and_a_gap_does_not(record, tmp_path, capsys):
    before = keep(record, tmp_path / "before")
    del record["figures"]["live"]
    assert main(["compare", str(before), str(keep(record, tmp_path / "less"))]) == 0
    assert "does not have it: live" in capsys.readouterr().out
    record["figures"]["counts"][0]["operators"]["MUL"] = 1
    assert main(["compare", str(before), str(keep(record, tmp_path / "other"))]) == 1
    assert "**other operators** in float32: MUL 0 → 1" in capsys.readouterr().out


def test_the_table_of_boards_goes_into_its_page(bundle, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"{BOARDS_BEGIN}{END}")
    assert main(["boards", "--model", str(bundle), "--page", str(page)]) == 0
    assert "| Raspberry Pi 5 Model B " in page.read_text()
    assert capsys.readouterr().out.strip() in page.read_text()
    page.write_text("no marks")
    assert main(["boards", "--model", str(bundle), "--page", str(page)]) == 2


def test_the_baseline_is_a_record_of_counts_with_instructions():
    baseline = read_record(ROOT / "benchmarks" / "baseline.json")
    assert list(baseline["figures"]) == ["counts", "emulated"]
    assert any(row["instructions"] for row in baseline["figures"]["counts"])
    assert [row["name"] for row in baseline["figures"]["emulated"]] == [*EMULATED]


@pytest.mark.parametrize(
    "words",
    ["speed", "compare a b --rounds 5", "compare a", "report", "--rounds 0", "--rounds x", "--split train"],
)
def test_wrong_options_end_with_2(words):
    with pytest.raises(SystemExit) as caught:
        main(words.split())
    assert caught.value.code == 2


def test_a_board_without_the_training_dependencies_can_start():
    """None of them may be needed before --data or a plot asks for it."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('tensorflow', 'keras', 'matplotlib', 'train')))\n"
        "from benchmarks.__main__ import USUAL, main\n"
        "main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--clip" in done.stdout


@pytest.mark.usefixtures("_detector")
def test_a_data_set_that_cannot_be_read_is_a_gap_that_is_named(bundle, clip, data, tmp_path):
    output = tmp_path / "results"
    next(data.rglob("*.png")).write_text("no picture")
    words = ["latency", "accuracy", "--model", str(bundle), "--clip", str(clip), "--output", str(output)]
    assert main([*words, "--rounds", "1", "--data", str(data)]) == 0
    record = record_of(output)
    assert list(record["figures"]) == ["latency"]
    assert ".png" in record["missing"]["accuracy"]


def test_records_of_several_bundles_are_shown_together(record, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    record["figures"] = {name: record["figures"][name] for name in ("latency", "end-to-end", "accuracy")}
    first = keep(record, tmp_path / "first")
    record["bundle"]["name"] = "nano"
    second = keep(record, tmp_path / "second")
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}{END}")
    assert main(["report", str(first), str(second), "--page", str(page)]) == 0
    assert {path.name for path in (tmp_path / "page").iterdir()} == {
        *("accuracy-latency.png", "tiny-end-to-end.png", "nano-end-to-end.png"),
    }
    assert all(f"![{name}](page/" in page.read_text() for name in (FRONT, "end-to-end"))
    assert "### nano on A Board" in capsys.readouterr().out
