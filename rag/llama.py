"""LlamaIndex beside rag: its SentenceSplitter as a splitter of ours, and its LLM objects as writers.

The home of llama-index. Offsets come from the order of the pieces, never from a search, and each is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.node_parser import SentenceSplitter

from rag.errors import ModelError, ReadError
from rag.ports import Delta
from rag.records import Passage


class LlamaSentenceSplitter:
    """LlamaIndex's SentenceSplitter, counted in the embedder's tokens, with exact offsets.

    Args:
        passage_tokens: The largest size.
        overlap: Tokens that a passage shares with the one before.
        token_starts: Text → offset of each token, nothing truncated (else the splitter never returns).
    """

    def __init__(self, passage_tokens: int, overlap: int, token_starts: Callable[[str], Sequence[int]]) -> None:
        self.name = f"llamaindex-{passage_tokens}-{overlap}"
        self._splitter = SentenceSplitter(
            chunk_size=passage_tokens, chunk_overlap=overlap, tokenizer=lambda text: list(token_starts(text))
        )

    def split(self, text: str, markdown: bool) -> Iterator[Passage]:  # noqa: ARG002  # headings are not its concern
        """Yields the passages in order.

        Raises:
            ReadError: A piece is not a part of the text, which is the splitter's fault.
        """
        begin = end = 0
        for piece in self._splitter.split_text(text):
            # A piece begins after the one before began, and, with overlap, no later than right behind its end.
            start = text.find(piece, begin)
            if start < 0 or text[end:start].strip():
                raise ReadError("LlamaIndex's splitter changed the text", "use the splitter of rag")
            begin, end = start + 1, start + len(piece)
            yield Passage(start, end)


class LlamaWriter:
    """Any LlamaIndex LLM as a writer of answers: `Library.open(…, writer=LlamaWriter(llm))`.

    Args:
        llm: An object with `stream_chat` and `metadata.model_name`.
    """

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self.name = str(llm.metadata.model_name)
        self.address = type(llm).__name__

    def write(self, messages: Sequence[tuple[str, str]]) -> Iterator[Delta]:
        """Streams the reply.

        Raises:
            ModelError: The LLM failed; its own words may hold a key and are not repeated.
        """
        try:
            for reply in self._llm.stream_chat([ChatMessage(role=role, content=content) for role, content in messages]):
                if reply.delta:
                    yield Delta(reply.delta)
        except Exception as error:  # every integration raises its own
            raise ModelError(f"{self.name} failed ({type(error).__name__})", "ask again, or check its settings") from error
        yield Delta(finish="stop")
