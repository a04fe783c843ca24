import json
from dataclasses import asdict

from benchmarks.results import SCHEMA_VERSION
from edge.bundle import model_file

DISTRIBUTION = {"n", "mean", "minimum", "p50", "p95", "p99", "maximum"}


def test_the_record_has_the_keys_that_its_schema_names(results):
    record = json.loads(json.dumps(results.record()))
    assert record["schema_version"] == SCHEMA_VERSION == 1
    assert set(record) == {
        "schema_version",
        "created",
        "machine",
        "settings",
        "bundle",
        "latency",
        "memory",
        "accuracy",
        "pipeline",
        "bars",
    }
    assert record["created"] == "2025-01-02T03:04:05+00:00"
    assert set(record["machine"]) >= {
        "board",
        "cpu",
        "cores",
        "memory",
        "os",
        "governor",
        "python",
        "runtime",
        "opencv",
    }
    assert set(record["settings"]) == {"rounds", "threads", "cores", "clip", "split", "warm_up", "burst"}
    assert set(record["latency"][0]) == {"variant", "threads", "ms", "faces_per_second", "round_p50_ms"}
    assert set(record["latency"][0]["ms"]) == DISTRIBUTION
    assert set(record["memory"][0]) == {"variant", "peak", "runs"}
    assert set(record["bars"][0]) == {"promise", "measured", "reached"}


def test_the_record_of_the_pipeline_has_every_run(results):
    figure = results.record()["pipeline"][0]
    assert set(figure) == {"variant", "cores", "fps", "first_record", "peak", "stage_p50_ms", "runs"}
    assert set(figure["fps"]) == set(figure["first_record"]) == DISTRIBUTION
    assert set(figure["runs"][0]["stages"]["detect"]) == {"p50", "p95", "p99"}


def test_the_record_says_which_files_were_measured(results, bundle):
    record = results.record()["bundle"]
    assert record["variants"]["int8"]["bytes"] == (bundle / model_file("int8")).stat().st_size
    assert record["absent"] == ["float16", "dynamic"]
    assert results.record()["accuracy"] is None


def test_floats_have_no_noise(results):
    assert results.record()["latency"][0]["ms"]["mean"] == round(asdict(results.latency[0])["ms"]["mean"], 6)


def test_files_are_called_after_the_time(results):
    assert results.file_name() == "20250102T030405Z.json"
