"""The graph that the edge comes with is the one that is built here."""

import json

import numpy as np

from edge.faces.onnx_weights import float_weights
from edge.faces.yunet import GRAPH_FILE, ORDER_FILE, filled_graph
from edge.model.interpreter import open_interpreter
from export import yunet_graph
from export.graph import Graph
from export.yunet_graph import build


def described(content):
    graph = Graph(content)
    return [(op.kind, op.inputs, op.output, graph.shape(op.output)) for op in graph.operators()]


def test_what_is_packaged_is_what_is_built(yunet):
    content, order = build(float_weights(yunet.read_bytes()))
    assert order == json.loads(ORDER_FILE.read_bytes())
    assert described(content) == described(GRAPH_FILE.read_bytes())
    assert len(content) == len(GRAPH_FILE.read_bytes())


def test_both_files_are_written(yunet, tmp_path, monkeypatch):
    graph, order = tmp_path / "graph.tflite", tmp_path / "order.json"
    monkeypatch.setattr(yunet_graph, "GRAPH_FILE", graph)
    monkeypatch.setattr(yunet_graph, "ORDER_FILE", order)
    assert yunet_graph.main() == 0
    assert graph.read_bytes() == GRAPH_FILE.read_bytes()
    assert order.read_text() == ORDER_FILE.read_text()


def test_the_graph_takes_every_multiple_of_32(yunet):
    content = filled_graph(yunet.read_bytes())
    for height, width in ((32, 32), (96, 320), (256, 64)):
        interpreter = open_interpreter(content, 1, (1, height, width, 4))
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.zeros((1, height, width, 4), np.float32))
        interpreter.invoke()
        answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        assert answer.shape == (1, sum(height * width // stride**2 for stride in (8, 16, 32)), 16)
