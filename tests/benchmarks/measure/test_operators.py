"""Profiles of operators. The profiler itself runs for real; nothing is asserted about times."""

import sys

import pytest

from benchmarks.base.graph import Operator
from benchmarks.base.process import run_fresh
from benchmarks.base.record import as_plain
from benchmarks.measure import profiler
from benchmarks.measure.operators import by_kind, measure_operators, name_layers
from benchmarks.measure.profiler import Kernel, read_summary
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


def operator(kind: str, name: str, multiply_adds: int = 0) -> Operator:
    window = (1, 1) if kind == "CONV_2D" else None
    return Operator(kind, name, window, (1, 8, 8, 4), (1, 8, 8, 2), multiply_adds)


def test_the_profilers_table_is_read_once_in_the_order_of_the_run():
    assert read_summary(SUMMARY) == [Kernel("QUANTIZE", 0.010), Kernel("Add (ND)", 1.204)]


def test_kernels_get_the_names_of_the_operators_that_they_run():
    graph = [
        operator("DEQUANTIZE", "weights"),
        operator("CONV_2D", "expand", 512),
        operator("DEPTHWISE_CONV_2D", "depthwise", 100),
        operator("ADD", "sum"),
        operator("FULLY_CONNECTED", "head", 10),
        operator("SOFTMAX", "answer"),
    ]
    names = [
        ("Fully Connected (NC, QS8, QC8W) GEMM", "expand", "conv_2d 1×1"),
        ("Convolution (NHWC, QC8) DWConv", "depthwise", "depthwise_conv_2d"),
        ("Add (ND)", "sum", "add"),
        ("Static Reshape (NC)", "", "Static Reshape (NC)"),
        ("Fully Connected (NC, QS8, QC8W) GEMM", "head", "fully_connected"),
        ("SOFTMAX", "answer", "softmax"),
    ]
    layers = name_layers(graph, [Kernel(kernel, 1.0) for kernel, _, _ in names])
    assert [(layer.kernel, layer.name, layer.kind) for layer in layers] == names
    assert [layer.multiply_adds for layer in layers] == [512, 100, 0, 0, 10, 0]


def test_an_operator_that_multiplies_is_never_passed_over():
    graph = [operator("CONV_2D", "first", 512), operator("ADD", "sum")]
    assert [layer.name for layer in name_layers(graph, [Kernel("Add (ND)", 1.0)])] == [""]


def test_kinds_are_summed_up_and_the_slowest_comes_first(record):
    kinds = by_kind(record["figures"]["operators"][1])
    assert list(kinds) == ["conv_2d 3×3", "Add (ND)"]
    assert kinds["conv_2d 3×3"] == (2, pytest.approx(0.9))


def test_every_variant_is_profiled_down_to_its_kernels(bundle):
    bundles = {variant: load_bundle(bundle, variant) for variant in ("float32", "int8")}
    profiles = measure_operators(bundles, 1)
    assert [profile.variant for profile in profiles] == ["float32", "int8"]
    for profile in profiles:
        kinds = [layer.kind for layer in profile.layers if layer.name]
        assert [kind for kind in kinds if kind != "quantize"] == ["cast", "mean", "fully_connected", "softmax"]
        assert profile.layers_ms == pytest.approx(sum(layer.ms for layer in profile.layers))
        assert profile.inference_ms.minimum > 0
        assert as_plain(profile)["layers"][0]["input_shape"] == [1, 16, 16, 3]


def test_a_runtime_without_a_profiler_is_named(bundle, monkeypatch):
    monkeypatch.setattr(profiler, "LIBRARY", "libNowhere.so")
    with pytest.raises(UserError, match="no profiler"):
        profiler.profile(load_bundle(bundle, "int8").model)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="no profiler"):
        profiler.profile(load_bundle(bundle, "int8").model)


def test_a_profiler_that_crashes_is_a_gap_in_the_report_and_no_end_of_it(bundle, monkeypatch):
    def run_and_crash(module, arguments, cores):
        run_fresh([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"], cores)

    monkeypatch.setattr("benchmarks.measure.operators.run_module", run_and_crash)
    with pytest.raises(UserError, match="crashes"):
        measure_operators({"int8": load_bundle(bundle, "int8")}, 1)
