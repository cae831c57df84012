"""rag in LlamaIndex’s pipelines, called and awaited; LlamaIndex’s splitter and LLMs in rag."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from llama_index.core import Response, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.query_engine import RetrieverQueryEngine, RouterQueryEngine
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.schema import NodeWithScore
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import QueryEngineTool

from rag import Filter, Library, Settings
from rag.errors import ModelError
from rag.integrations.llama_index import (
    LlamaIndexChatModel,
    LlamaSentenceSplitter,
    RagEmbedding,
    RagQueryEngine,
    RagRetriever,
)
from rag.models.embedder import MiniLM

from .. import corpus
from ..conftest import ARTICLE
from ..index.test_splitting import assert_sound
from ..model_server import Handler, ModelServer, drips, model_server, says
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


def test_awaited_in_a_running_loop(library: Library) -> None:
    """Engine and retriever work where a loop is running already, as in a notebook, and give what the others give."""

    async def notebook() -> tuple[Response, list[NodeWithScore], Response]:
        retriever = RagRetriever(library, k=3)
        return (
            await RagQueryEngine(library=library).aquery("Who won the Tartu Open?"),
            await retriever.aretrieve("Who won the Tartu Open?"),
            await RetrieverQueryEngine.from_args(retriever, llm=MockLLM()).aquery("Who won the Tartu Open?"),
        )

    answered, nodes, synthesised = asyncio.run(notebook())
    expected = RagQueryEngine(library=library).query("Who won the Tartu Open?")
    assert str(expected) == str(answered)
    assert expected.metadata["citations"] == answered.metadata["citations"] != []
    assert [node.node_id for node in expected.source_nodes] == [node.node_id for node in answered.source_nodes]
    retrieved = RagRetriever(library, k=3).retrieve("Who won the Tartu Open?")
    assert [(node.node_id, node.score) for node in retrieved] == [(node.node_id, node.score) for node in nodes]
    assert "Jaan Olari won the Tartu Open" in str(synthesised)


def with_model(folder: Path, server: ModelServer) -> Library:
    """A library whose answers a scripted model writes."""
    library = Library.open(folder / "index", Settings(model="m", base_url=server.url), short_lived=True)
    leave_chroma_alone(library)
    library.add_documents(corpus.documents())
    return library


def test_two_queries_at_once(tmp_path: Path) -> None:
    """Two awaited queries are with the model at the same time."""
    together = threading.Barrier(2)

    def reply(handler: Handler) -> None:
        together.wait(20)  # a query that waits for the other to end breaks the barrier
        says("Jaan Olari won the Tartu Open [1].")(handler)

    async def ask(engine: RagQueryEngine) -> list[Response]:
        return await asyncio.gather(engine.aquery("Who won the Tartu Open?"), engine.aquery("Who won in Tartu?"))

    with model_server(reply) as server, with_model(tmp_path, server) as library:
        responses = asyncio.run(ask(RagQueryEngine(library=library)))
    assert ["Jaan Olari won the Tartu Open [1]."] * 2 == [str(response) for response in responses]


def test_two_retrievals_at_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two awaited retrievals are in the embedder at the same time."""
    together, embed = threading.Barrier(2), library._embedder.embed

    def embed_together(texts: list[str]) -> object:
        together.wait(20)
        return embed(texts)

    async def retrieve(retriever: RagRetriever) -> list[list[NodeWithScore]]:
        return await asyncio.gather(retriever.aretrieve("Who won?"), retriever.aretrieve("Who keeps bees?"))

    monkeypatch.setattr(library._embedder, "embed", embed_together)
    won, keeps = asyncio.run(retrieve(RagRetriever(library, k=1)))
    assert ["chess.txt", "bees.md"] == [won[0].metadata["source"], keeps[0].metadata["source"]]


def test_a_cancelled_query_stops_the_model(tmp_path: Path) -> None:
    """The connection is dropped, and the library answers the next query."""

    async def cancel(server: ModelServer, engine: RagQueryEngine) -> None:
        task = asyncio.create_task(engine.aquery("Who won the Tartu Open?"))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with model_server(drips) as server, with_model(tmp_path, server) as library:
        engine = RagQueryEngine(library=library)
        asyncio.run(cancel(server, engine))
        assert server.closed.wait(5)
        server.replies[0] = says("Jaan Olari won the Tartu Open [1].")
        assert "Jaan Olari won the Tartu Open [1]." == str(engine.query("Who won the Tartu Open?"))
        assert "Jaan Olari won the Tartu Open [1]." == str(asyncio.run(engine.aquery("Who won the Tartu Open?")))


def test_a_cancelled_retrieval_leaves_the_library_usable(library: Library) -> None:
    """The search ends in its thread; the next one works."""

    async def cancel(retriever: RagRetriever) -> list[NodeWithScore]:
        task = asyncio.create_task(retriever.aretrieve("Who won?"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await retriever.aretrieve("Who won the Tartu Open?")

    assert "chess.txt" == asyncio.run(cancel(RagRetriever(library, k=1)))[0].metadata["source"]


@pytest.mark.process
def test_its_splitter_and_llm_in_rag(tmp_path: Path, article: str) -> None:
    """Its SentenceSplitter splits and its LLM answers; citations stay exact."""
    splitter = LlamaSentenceSplitter(80, 0, MiniLM().token_starts)
    chat_model = LlamaIndexChatModel(MockLLM(max_tokens=12))  # LlamaIndex's own: repeats the words of the prompt
    with Library.open(tmp_path / "index", short_lived=True, chat_model=chat_model, splitter=splitter) as library:
        leave_chroma_alone(library)
        library.sync(ARTICLE.parent)
        answer = library.ask("What did India raise with Sun Weidong?")
        assert library._catalog.versions.current().splitter == "llamaindex-80-0"
        assert len(library.search("rare earth", 50)) > 5

    assert answer.text
    for hit in answer.hits:
        assert article[hit.start : hit.end] == hit.text


def test_a_failed_llm(tmp_path: Path) -> None:
    """Its error becomes a ModelError without the message, which may contain a key."""

    class Failing(MockLLM):
        def stream_chat(self, *_: object, **__: object) -> object:
            raise RuntimeError("key sk-canary0123456789abcdef is wrong")

    with pytest.raises(ModelError) as raised:
        list(LlamaIndexChatModel(Failing()).stream([("user", "hello")]))
    assert "RuntimeError" in str(raised.value)
    assert "canary" not in f"{raised.value} {raised.value.hint}"


class _First(LLMSingleSelector):
    """Chooses the first tool, because a mock model cannot choose."""

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
    assert embedding.get_text_embedding_batch(["one", "two"]) == asyncio.run(
        embedding.aget_text_embedding_batch(["one", "two"])
    )
    assert embedding.get_text_embedding("one") == asyncio.run(embedding.aget_text_embedding("one"))


def test_passages_of_their_splitter_have_exact_offsets(article: str) -> None:
    """Like those of every splitter; no text is lost."""
    passages = list(LlamaSentenceSplitter(80, 0, MiniLM().token_starts).split(article, markdown=False))

    assert_sound(article, passages)
    assert len(passages) > 5
