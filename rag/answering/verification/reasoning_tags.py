"""What a model thinks aloud before it answers is not part of its answer: `<think>…</think>` is left out of the stream."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from rag.ports import Delta

_TAGS = (("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<reasoning>", "</reasoning>"))


def without_reasoning(deltas: Iterator[Delta]) -> Generator[Delta]:
    """The same pieces, those before the end of a thought emptied. A thought counts at the beginning only."""
    held, closing, answering = "", "", False
    for delta in deltas:
        if answering:
            yield delta
            continue
        held += delta.text
        said = ""
        if not closing:
            begun = held.lstrip()
            closing = next((end for start, end in _TAGS if begun.startswith(start)), "")
            if not closing and not any(start.startswith(begun) for start, _ in _TAGS):
                answering, said = True, held
        if closing:
            _, found, rest = held.partition(closing)
            held = held[-len(closing) :]
            if found:
                answering, said = True, rest.lstrip()
        yield replace(delta, text=said)
    if held and not answering and not closing:
        yield Delta(held)  # it ended within what might have become a tag
