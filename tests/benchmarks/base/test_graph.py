"""Operators and multiply-adds of a graph."""

from benchmarks.base.graph import multiply_adds, operators
from edge.base.settings import DEFAULT_BUNDLE
from edge.model.bundle import load_bundle


def test_operators_stand_in_their_order_with_what_they_give(bundle):
    cast, mean, dense, softmax, quantize = operators(load_bundle(bundle, "int8").model)
    kinds = [operator.kind for operator in (cast, mean, dense, softmax, quantize)]
    assert kinds == ["CAST", "MEAN", "FULLY_CONNECTED", "SOFTMAX", "QUANTIZE"]
    assert (dense.output_shape, dense.multiply_adds) == ((7,), 21)
    assert cast.multiply_adds == mean.multiply_adds == softmax.multiply_adds == quantize.multiply_adds == 0


def test_each_output_of_a_convolution_takes_as_many_as_the_weights_that_it_sees():
    """By the formulas of the paper on MobileNets: h·w·c·d·k² and, for each channel alone, h·w·c·k²."""
    graph = operators(load_bundle(DEFAULT_BUNDLE, "int8").model)
    convolution = next(o for o in graph if o.kind == "CONV_2D" and o.weights[1] == 3)
    depthwise = next(o for o in graph if o.kind == "DEPTHWISE_CONV_2D")
    height, width, filters = convolution.output_shape
    assert convolution.multiply_adds == height * width * filters * convolution.weights[-1] * 9
    height, width, filters = depthwise.output_shape
    assert depthwise.multiply_adds == height * width * filters * 9


def test_all_variants_of_a_bundle_take_the_same_number(bundle):
    assert len({multiply_adds(load_bundle(bundle, variant).model) for variant in ("float32", "int8")}) == 1
