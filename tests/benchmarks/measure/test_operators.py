"""Profiles of operators. The profiler itself runs for real; nothing is asserted about times."""

import sys

import pytest

from benchmarks.base.graph import Operator
from benchmarks.base.process import run_fresh
from benchmarks.measure import profiler
from benchmarks.measure.operators import by_kind, measure_operators
from benchmarks.measure.profiler import read_summary
from edge.base.errors import UserError
from edge.model.bundle import load_bundle

SUMMARY = """\
==== Run Order ====
[node type]    [start]    [first]   [avg ms]        [%]     [cdf%]   [mem KB] [times called]   [Name]
   QUANTIZE      0.000      0.008      0.010     0.765%     0.765%      0.000              5   [Builtin]:0
  Delegate/Add (ND)      0.000      0.012      1.204    99.235%   100.000%      0.000              5   [Delegate]:0

==== Top by Computation Time ====
[node type]    [start]    [first]   [avg ms]        [%]     [cdf%]   [mem KB] [times called]   [Name]
  Delegate/Add (ND)      0.000      0.012      1.204    99.235%   100.000%      0.000              5   [Delegate]:0
"""


def operator(kind: str, side: int = 3) -> Operator:
    return Operator(kind, (1, side, side, 4), (8, 8, 2))


def test_the_profilers_table_is_read_once_in_the_order_of_the_run():
    assert read_summary(SUMMARY) == [("QUANTIZE", 0.010), ("Add (ND)", 1.204)]


def test_kernels_are_of_the_kinds_of_the_operators_that_they_run():
    graph = [operator("DEQUANTIZE"), operator("CONV_2D", 1), operator("DEPTHWISE_CONV_2D"), operator("ADD")]
    graph += [operator("FULLY_CONNECTED"), operator("SOFTMAX")]
    kernels = [
        ("Fully Connected (NC, QS8, QC8W) GEMM", 1.0),
        ("Convolution (NHWC, QC8) DWConv", 2.0),
        ("Add (ND)", 3.0),
        ("Static Reshape (NC)", 4.0),
        ("Fully Connected (NC, QS8, QC8W) GEMM", 5.0),
        ("SOFTMAX", 6.0),
    ]
    kinds = by_kind(graph, kernels)
    assert list(kinds.items()) == [
        *(("softmax", [1, 6.0]), ("fully_connected", [1, 5.0]), ("Static Reshape (NC)", [1, 4.0]), ("add", [1, 3.0])),
        *(("depthwise_conv_2d 3×3", [1, 2.0]), ("conv_2d 1×1", [1, 1.0])),
    ]


def test_an_operator_that_multiplies_is_never_passed_over():
    assert by_kind([operator("CONV_2D"), operator("ADD")], [("Add (ND)", 1.0)]) == {"Add (ND)": [1, 1.0]}


def test_every_variant_is_profiled_down_to_its_kernels(plan):
    rows = measure_operators(plan)
    assert [row["variant"] for row in rows] == ["float32", "int8"]
    for row in rows:
        assert {*row["kinds"]} >= {"cast", "mean", "fully_connected", "softmax"}
        assert row["layers"][1] == pytest.approx(sum(ms for _, ms in row["kinds"].values()))
        assert row["inference_ms"]["minimum"] > 0


def test_a_runtime_without_a_profiler_is_named(bundle, monkeypatch):
    monkeypatch.setattr(profiler, "LIBRARY", "libNowhere.so")
    with pytest.raises(UserError, match="no profiler"):
        profiler.profile(load_bundle(bundle, "int8").model)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="no profiler"):
        profiler.profile(load_bundle(bundle, "int8").model)


def test_a_profiler_that_crashes_is_a_gap_in_the_report_and_no_end_of_it(plan, monkeypatch):
    def run_and_crash(function, *arguments, cores):
        run_fresh([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"], cores)

    monkeypatch.setattr("benchmarks.measure.operators.call_fresh", run_and_crash)
    with pytest.raises(UserError, match="crashes"):
        measure_operators(plan)
