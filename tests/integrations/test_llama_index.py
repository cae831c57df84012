"""rag inside LlamaIndex's own pipelines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.query_engine import RetrieverQueryEngine, RouterQueryEngine
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import QueryEngineTool

from rag import Filter, Library
from rag.integrations.llama_index import RagEmbedding, RagQueryEngine, RagRetriever
from rag.models.embedder import MiniLM

from .. import corpus
from ..torture.world import leave_chroma_alone


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory):
    with Library.open(tmp_path_factory.mktemp("llama") / "index", short_lived=True) as opened:
        leave_chroma_alone(opened)
        opened.add_documents(corpus.documents())
        yield opened


def test_the_retriever_feeds_a_query_engine(library: Library) -> None:
    """Its nodes carry the exact place of each passage, and reach LlamaIndex's own synthesis."""
    engine = RetrieverQueryEngine.from_args(RagRetriever(library, k=3), llm=MockLLM())
    response = engine.query("Who won the Tartu Open?")

    assert "Jaan Olari won the Tartu Open" in str(response)
    assert 3 == len(response.source_nodes)
    for node in response.source_nodes:
        at = node.metadata
        assert library.document(at["source"]).text[at["start"] : at["end"]] == node.text
        assert (at["start"], at["end"]) == (node.node.start_char_idx, node.node.end_char_idx)
    scores = [node.score for node in response.source_nodes]
    assert scores == sorted(scores, reverse=True)


def test_the_retriever_filters(library: Library) -> None:
    """Only the documents that were named, asynchronously too."""
    retriever = RagRetriever(library, filters=Filter(sources=("bees.md",)))

    assert {"bees.md"} == {node.metadata["source"] for node in retriever.retrieve("Who won?")}
    assert {"bees.md"} == {node.metadata["source"] for node in asyncio.run(retriever.aretrieve("Who won?"))}


def test_the_query_engine_cites(library: Library) -> None:
    """Alone, and as a tool that LlamaIndex's router chooses."""
    engine = RagQueryEngine(library=library)
    tool = QueryEngineTool.from_defaults(engine, description="everything")
    router = RouterQueryEngine(LLMSingleSelector.from_defaults(llm=MockLLM()), [tool], llm=MockLLM())
    router._selector = _First()
    for response in (engine.query("Who won the Tartu Open?"), router.query("Who won the Tartu Open?")):
        assert "Jaan Olari" in str(response)
        assert "answered" == response.metadata["status"]
        for c in response.metadata["citations"]:
            assert library.document(c["source"]).text[c["start"] : c["end"]] == c["quote"] != ""
    assert "abstained" == engine.query("What is the capital of Peru?").metadata["status"]


class _First(LLMSingleSelector):
    """Chooses the first tool, for a model that says nothing cannot choose."""

    def __init__(self) -> None:
        """Nothing to set up."""

    def _select(self, choices, query):
        from llama_index.core.base.base_selector import SelectorResult, SingleSelection

        return SelectorResult(selections=[SingleSelection(index=0, reason="the only one")])


def test_the_embedder_fills_an_index_of_theirs(tmp_path: Path) -> None:
    """Split, embedded and found by LlamaIndex, with our vectors; kept on disk and read again."""
    embedding = RagEmbedding(MiniLM())
    documents = [LlamaDocument(text=d.text, metadata={"source": d.source}) for d in corpus.documents()]
    nodes = SentenceSplitter(chunk_size=128, chunk_overlap=0).get_nodes_from_documents(documents)
    index = VectorStoreIndex(nodes, embed_model=embedding)
    found = index.as_retriever(similarity_top_k=1).retrieve("Who keeps bees on a roof?")

    assert "bees.md" == found[0].metadata["source"]
    assert embedding.get_text_embedding("one") == pytest.approx(MiniLM().embed(["one"])[0].tolist(), abs=1e-6)
    assert 384 == len(asyncio.run(embedding.aget_query_embedding("one")))
