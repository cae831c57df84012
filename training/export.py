"""Writes a trained reader as two int8 ONNX files: one for its lower half of layers, and one for the upper half.

    python -m training.export READER.pt FOLDER

The lower half tells which passages are worth reading with the upper half. Both use onnxruntime's fused operators, like the
embedder (see rag/models/weights/build.py).
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from rag.models.weights.build import EPSILON, MICROSOFT, D, Graph, layer, quantised

Weights = dict[str, NDArray[np.float32]]
FILES = ("reader-lower.onnx", "reader-upper.onnx")


def as_published(state: dict[str, torch.Tensor]) -> Weights:
    """Returns the weights of the encoder by their published names, and those of the heads by ours."""
    found: Weights = {}
    names = {
        "out": "attention.output.dense", "norm1": "attention.output.LayerNorm", "widen": "intermediate.dense",
        "narrow": "output.dense", "norm2": "output.LayerNorm",
    }  # fmt: skip
    for name, tensor in state.items():
        value = tensor.float().numpy()
        if not name.startswith("layers."):
            found[name] = value
            continue
        _, number, part, kind = name.split(".")
        prefix = f"encoder.layer.{number}."
        if part == "qkv":
            for which, third in zip(("query", "key", "value"), np.split(value, 3), strict=True):
                found[f"{prefix}attention.self.{which}.{kind}"] = third
        else:
            found[f"{prefix}{names[part]}.{kind}"] = value
    return found


def lower(weights: Weights, layers: int) -> onnx.ModelProto:
    """Returns the embeddings and the first `layers` layers.

    Inputs `input_ids`, `segment_ids` and `attention_mask`, each (b, s) int32. Outputs `states`, (b, s, d), and `early`,
    (b, 2): the logits of whether the passage answers, and its relevance.
    """
    graph = Graph()
    tables = [graph.constant(f"{kind}s", weights[f"{kind}.weight"]) for kind in ("word", "position", "token_type")]
    norm = [graph.constant(f"norm.{part}", weights[f"norm.{part}"]) for part in ("weight", "bias")]
    graph.nodes.append(
        helper.make_node(
            "EmbedLayerNormalization", ["input_ids", "segment_ids", *tables, *norm], ["embedded", "unused_mask_index"],
            name="embedded", domain=MICROSOFT, epsilon=EPSILON,
        )
    )  # fmt: skip
    x = "embedded"
    for number in range(layers):
        x = layer(graph, weights, number, x)
    states = graph.node("Identity", [x], "states")
    _head(graph, weights, _pooled(graph, weights, states, "early_pool"), "early", "early")
    inputs = [_int("input_ids"), _int("segment_ids"), _int("attention_mask")]
    return _model(
        "reader, lower half", graph, inputs, [_float("states", "batch", "tokens", D), _float("early", "batch", 2)]
    )


def upper(weights: Weights, layers: range) -> onnx.ModelProto:
    """Returns the other layers.

    Inputs `states`, (b, s, d) float32, and `attention_mask`, (b, s) int32. Outputs `span`, (b, s, 2): the logits of the
    answer's first and last token; and `answers` and `relevance`, (b, 1).
    """
    graph = Graph()
    x = "states"
    for number in layers:
        x = layer(graph, weights, number, x)
    _head(graph, weights, x, "span", "span")
    _head(graph, weights, _pooled(graph, weights, x, "answer_pool"), "answers", "answers")
    _head(graph, weights, _pooled(graph, weights, x, "pool"), "relevance", "relevance")
    outputs = [_float("span", "batch", "tokens", 2), _float("answers", "batch", 1), _float("relevance", "batch", 1)]
    return _model("reader, upper half", graph, [_float("states", "batch", "tokens", D), _int("attention_mask")], outputs)


def _pooled(graph: Graph, weights: Weights, states: str, name: str) -> str:
    first = graph.node("Gather", [states, graph.constant(f"{name}.zero", np.array([0]))], f"{name}.first", axis=1)
    first = graph.node("Squeeze", [first, graph.constant(f"{name}.axis", np.array([1]))], f"{name}.squeezed")
    return graph.node("Tanh", [_linear(graph, weights, first, name, f"{name}.out")], f"{name}.tanh")


def _head(graph: Graph, weights: Weights, source: str, name: str, output: str) -> None:
    _linear(graph, weights, source, name, output)


def _linear(graph: Graph, weights: Weights, source: str, name: str, output: str) -> str:
    product = graph.node(
        "MatMul", [source, graph.constant(f"{name}.weight", weights[f"{name}.weight"].T)], f"{name}.product"
    )
    return graph.node("Add", [product, graph.constant(f"{name}.bias", weights[f"{name}.bias"])], output)


def _int(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"])


def _float(name: str, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def _model(
    name: str, graph: Graph, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    return helper.make_model(
        helper.make_graph(graph.nodes, name, inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)],
        ir_version=8,
    )


def export(state: dict[str, torch.Tensor], folder: Path) -> None:
    """Writes both files and adds their hashes to the folder's list."""
    weights = as_published(state)
    count = len({name.split(".")[1] for name in state if name.startswith("layers.")})
    parts = (lower(weights, count // 2), upper(weights, range(count // 2, count)))
    listed = folder / "SHA256SUMS"
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    lines = [line for line in lines if line.split()[-1] not in FILES]
    for name, model in zip(FILES, parts, strict=True):
        data = quantised(model)
        (folder / name).write_bytes(data)
        lines.append(f"{hashlib.sha256(data).hexdigest()}  {name}")
    listed.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    export(torch.load(sys.argv[1], weights_only=True, map_location="cpu"), Path(sys.argv[2]))
