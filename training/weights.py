"""Reads the published cross-encoder from its int8 ONNX file, as float32 arrays."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

Weights = dict[str, NDArray[np.float32]]
_OURS = re.compile(r"(?:bert\.)?(?:embeddings|encoder|pooler)\.|classifier\.")


def published(path: Path) -> Weights:
    """Returns the weights by the names that they have in PyTorch, without "bert."; matrices as (out, in).

    A product of matrices has no name in the file; it is named by the bias that is added to it.
    """
    graph = onnx.load(path).graph
    arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}

    def dequantised(name: str) -> NDArray[np.float32]:
        zero = np.asarray(arrays[f"{name}_zero_point"], np.float32)
        return ((arrays[f"{name}_quantized"].astype(np.float32) - zero) * arrays[f"{name}_scale"]).astype(np.float32)

    found: Weights = {}
    for name, value in arrays.items():
        if value.dtype == np.float32 and _OURS.match(name) and not name.endswith("_scale"):
            found[name.removeprefix("bert.")] = value
        if name.endswith("_quantized") and "embeddings" in name:
            found[name.removesuffix("_quantized").removeprefix("bert.")] = dequantised(name.removesuffix("_quantized"))
    users = defaultdict(list)
    for node in graph.node:
        for given in node.input:
            users[given].append(node)
    for node in graph.node:
        if node.op_type == "MatMulInteger" and node.input[1] in arrays:
            bias = _bias_behind(node.output[0], users, arrays)
            found[f"{bias.removesuffix('.bias').removeprefix('bert.')}.weight"] = dequantised(
                node.input[1].removesuffix("_quantized")
            ).T
    return found


def _bias_behind(output: str, users: dict[str, list[onnx.NodeProto]], arrays: dict[str, NDArray[np.generic]]) -> str:
    for _ in range(5):
        node = users[output][0]
        found = [one for one in node.input if one in arrays and one.endswith(".bias")]
        if node.op_type == "Add" and found:
            return found[0]
        output = node.output[0]
    raise ValueError(f"no bias is added to {output}")
