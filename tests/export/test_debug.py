import json
from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from edge.base.errors import UserError  # noqa: E402
from export import debug  # noqa: E402
from export.convert import (  # noqa: E402
    PLAIN,
    Quantization,
    calibrate,
    convert_float,
    quantize,
    wide_activations,
)
from export.graph import Graph, probabilities, short_name, values  # noqa: E402
from export.layer_correction import correct_layers  # noqa: E402
from export.parity import compare  # noqa: E402
from export.ranges import logit_range, mse_range, percentile_range, rounded, set_ranges  # noqa: E402
from export.weight_rounding import round_weights  # noqa: E402
from train.dataset import load_split  # noqa: E402

CONVOLUTIONS = 10
"""Convolutions of `tests.train.small_network.PLAN`, with the first and the last."""


@pytest.fixture(scope="module")
def faces(data):
    return load_split(data, "train", 32, 3).images[::8]


@pytest.fixture(scope="module")
def calibrated(network, faces):
    return calibrate(network, faces, PLAIN)


@pytest.fixture(scope="module")
def plain(calibrated, faces):
    return quantize(calibrated, faces, PLAIN)


def test_every_layer_is_compared_and_the_worst_come_first(calibrated, plain, faces):
    errors = debug.layer_errors(calibrated, plain, faces[:4])
    ratios = [error.sqnr for error in errors]
    assert ratios == sorted(ratios)
    assert len({e.layer for e in errors if e.kind in ("CONV_2D", "DEPTHWISE_CONV_2D")}) >= CONVOLUTIONS
    assert all(0 <= e.offset <= 1 and e.low <= 0 <= e.high for e in errors)


def test_a_damaged_layer_is_found(calibrated, plain, faces):
    damaged = bytearray(plain)
    graph = Graph(damaged)
    layer = [op for op in graph.operators() if op.kind == "CONV_2D"][4]  # a projection, which no ReLU clips
    bias = graph.constant(layer.inputs[2], np.int32)
    bias += 40 * int(
        graph.scales(layer.output)[0] / (graph.scales(layer.inputs[0])[0] * graph.scales(layer.inputs[1])[0])
    )
    before = {e.layer: e for e in debug.layer_errors(calibrated, plain, faces[:4])}
    after = {e.layer: e for e in debug.layer_errors(calibrated, bytes(damaged), faces[:4])}
    name = graph.name(layer.output)
    assert after[name].sqnr < before[name].sqnr - 6
    assert after[name].fall > before[name].fall + 6
    assert after[name].offset > 0.9


def test_bias_correction_brings_the_means_back(calibrated, plain, faces):
    corrected = correct_layers(plain, calibrated, faces, bias_correction=True, weight_rounding=False)
    assert len(corrected) == len(plain)
    before = debug.layer_errors(calibrated, plain, faces)
    after = debug.layer_errors(calibrated, corrected, faces)
    assert np.mean([e.offset for e in after]) < 0.5 * np.mean([e.offset for e in before])


def test_bias_correction_undoes_a_shift(calibrated, faces, plain, network):
    broken = bytearray(plain)
    graph = Graph(broken)
    for op in graph.operators():
        if op.kind == "CONV_2D":
            graph.constant(op.inputs[2], np.int32)[:] //= 2
    reference = probabilities(convert_float(network), faces)
    truth = reference.argmax(axis=1)
    worse = compare(reference, probabilities(bytes(broken), faces), truth)
    corrected = correct_layers(bytes(broken), calibrated, faces, bias_correction=True, weight_rounding=False)
    mended = compare(reference, probabilities(corrected, faces), truth)
    assert mended.mean_difference < 0.5 * worse.mean_difference


def test_error_feedback_rounds_better_than_to_the_nearest():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 24)) + 0.1 * rng.normal(size=(500, 24))
    weights = rng.uniform(-20, 20, (8, 24))
    rounded = round_weights(weights, inputs.astype(np.float32))
    assert rounded.dtype == np.int8 and np.abs(rounded - weights).max() < 6
    error = lambda candidate: np.square((inputs - inputs.mean(axis=0)) @ (candidate - weights).T).mean()  # noqa: E731
    assert error(rounded) < 0.5 * error(np.round(weights))


def test_ranges_of_least_error_cut_a_lonely_extreme():
    seen = np.append(np.random.default_rng(0).uniform(0, 1, 400_000), 1.9).astype(np.float32)
    low, high = mse_range(seen)
    assert low == 0
    assert 1 < high < 1.5
    assert mse_range(np.full(10, 3.0, np.float32)) == (0, pytest.approx(3.0))


def test_ranges_by_percentile_cut_the_tails():
    seen = np.append(np.random.default_rng(0).uniform(-1, 1, 20_000), 1000.0)
    assert percentile_range(seen) == (pytest.approx(-1, abs=0.01), pytest.approx(1, abs=0.01))


def test_steps_of_logits_are_finer_where_faces_are_decided():
    logits = np.random.default_rng(0).normal(0, 2, (500, 7)).astype(np.float32)
    logits[:20, 3] += 25.0  # sure faces, which stay sure whatever is cut off
    logits[:, 1] -= 12.0  # and an emotion that is never answered
    low, high = logit_range(logits)
    widest = float(logits.min()), float(logits.max())
    assert high - low < 0.7 * (widest[1] - widest[0])

    def ties(low: float, high: float) -> int:
        first, second = np.sort(rounded(logits, low, high), axis=1)[:, :-3:-1].T
        return int((first == second).sum())

    assert ties(low, high) < ties(*widest)
    same = rounded(logits, low, high).argmax(axis=1) == logits.argmax(axis=1)
    assert same.mean() >= (rounded(logits, *widest).argmax(axis=1) == logits.argmax(axis=1)).mean()


def test_finer_logits_are_what_the_softmax_takes(calibrated, faces, plain):
    finer = quantize(calibrated, faces, replace(PLAIN, fine_logits=True))

    def step(content: bytes) -> float:
        graph = Graph(content)
        (softmax,) = (op for op in graph.operators() if op.kind == "SOFTMAX")
        return float(graph.scales(softmax.inputs[0])[0])

    assert step(finer) < step(plain)


def test_ranges_are_what_the_int8_graph_takes(calibrated, faces):
    narrowed = set_ranges(calibrated, faces[:8], "percentile")
    wide, narrow = Graph(calibrated), Graph(narrowed)
    spans = [
        (a[1] - a[0], b[1] - b[0])
        for t in wide.tensors()
        if (a := wide.calibrated_range(t)) and (b := narrow.calibrated_range(t))
    ]
    assert all(b <= a * 1.001 for a, b in spans)
    assert sum(float(b[0]) < 0.95 * float(a[0]) for a, b in spans) > 10
    int8 = Graph(quantize(calibrated, faces, replace(PLAIN, ranges="percentile")))
    before = Graph(quantize(calibrated, faces, PLAIN))
    scales = {before.name(t): before.scales(t) for t in before.tensors()}
    changed = [t for t in int8.tensors() if not np.array_equal(int8.scales(t), scales[int8.name(t)])]
    assert len(changed) > 10


def test_layers_left_in_float_are_exact(calibrated, faces):
    layer = next(op for op in Graph(calibrated).operators() if op.kind == "DEPTHWISE_CONV_2D")
    name = Graph(calibrated).name(layer.output)
    for how in (PLAIN, Quantization()):
        mixed = quantize(calibrated, faces, replace(how, in_float=(short_name(name),)))
        found = [t for t in Graph(mixed).tensors() if Graph(mixed).name(t) == name]
        assert [t for t in found if not len(Graph(mixed).scales(t))], "the layer computes in integers"
        assert np.isfinite(values(mixed, faces[:2], found[:1])[0]).all()


def test_a_layer_that_is_not_there_cannot_be_left_in_float(calibrated, faces):
    with pytest.raises(UserError, match="no layer 'nowhere' to leave in float"):
        quantize(calibrated, faces, replace(PLAIN, in_float=("nowhere",)))


def test_bars():
    assert debug.bars(np.array([0.0]), 0, 1)[0] == debug.BARS[-1]
    assert set(debug.bars(np.linspace(0, 1, 4000), 0, 1)) <= set(debug.BARS[-2:])


def test_advice_names_the_option_that_passes():
    sure = np.eye(7, dtype=np.float32)[np.repeat(np.arange(7), 100)]
    worse = sure.copy()
    worse[::10] = np.roll(worse[::10], 1, axis=1)
    truth = sure.argmax(axis=1)
    good, bad = compare(sure, sure, truth), compare(sure, worse, truth)
    fine = debug.Remedy("fine", "--fine", bytes)
    coarse = debug.Remedy("coarse", "--coarse", bytes)
    assert "ARGS='--fine'" in debug.advice([(coarse, bad), (fine, good)])
    assert debug.advice([(coarse, bad)]).startswith("No remedy is sufficient: the best, coarse")
    mixed = debug.Remedy("mixed", "--in-float a", bytes, integer=False)
    assert "ARGS='--fine'" in debug.advice([(mixed, good), (fine, good)])
    assert "ARGS='--in-float a'" in debug.advice([(mixed, good), (coarse, bad)])


def test_the_command(run_folder, data, tmp_path, capsys, monkeypatch):
    kept, advise, advised = debug.remedies, debug.advice, []
    monkeypatch.setattr(debug, "remedies", lambda *a: kept(*a)[:4])
    monkeypatch.setattr(debug, "advice", lambda outcomes: advised.append(advise(outcomes)) or advised[-1])
    given = ["--run", run_folder, "--data", data, "--output", tmp_path, "--samples", 210, "--images", 20]
    assert debug.main([str(word) for word in given]) == 0
    record = json.loads((tmp_path / "debug.json").read_text())
    assert {"plain", "bias correction"} <= {r["name"] for r in record["remedies"]}
    assert record["split"] == "val" and record["images"] == 20
    assert len(record["layers"]) > CONVOLUTIONS
    assert (tmp_path / "layers.png").stat().st_size > 5000 and (tmp_path / "ranges.png").stat().st_size > 5000
    printed = capsys.readouterr().out
    assert "SQNR" in printed
    assert advised and advised[0] in printed
    agreements = [r["agreement"] for r in record["remedies"]]
    assert agreements == sorted(agreements, reverse=True)


def test_a_run_without_a_model_is_a_user_error(run_folder, tmp_path, data):
    (tmp_path / "run.json").write_bytes((run_folder / "run.json").read_bytes())
    with pytest.raises(UserError, match="no finished epoch"):
        debug.main(["--run", str(tmp_path), "--data", str(data)])


def test_no_image_to_measure_on_is_a_user_error(run_folder, data):
    with pytest.raises(UserError, match="none of 0 images has a clear label"):
        debug.main(["--run", str(run_folder), "--data", str(data), "--images", "0"])


def test_wide_activations_are_closer_than_int8(network, faces, plain):
    reference = probabilities(convert_float(network), faces)
    wide = np.abs(probabilities(wide_activations(network, faces), faces) - reference).mean()
    assert wide < np.abs(probabilities(plain, faces) - reference).mean()
