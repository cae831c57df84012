"""Removes the reasoning that some models write before their answer (`<think>…</think>`) from a streamed reply."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from rag.ports import Delta

_TAGS = (("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<reasoning>", "</reasoning>"))


def without_reasoning(deltas: Iterator[Delta]) -> Generator[Delta]:
    """Yields the same deltas without the reasoning, which is recognised only at the beginning of the reply."""
    pending, closing_tag, in_answer, is_blank = "", "", False, False
    for delta in deltas:
        if in_answer:
            text = delta.text.lstrip() if is_blank else delta.text
            is_blank = is_blank and not text
            yield replace(delta, text=text)
            continue
        pending += delta.text
        text = ""
        if not closing_tag:
            beginning = pending.lstrip()
            closing_tag = next((end for start, end in _TAGS if beginning.startswith(start)), "")
            if not closing_tag and not any(start.startswith(beginning) for start, _ in _TAGS):
                in_answer, text = True, pending
        if closing_tag:
            _, found, rest = pending.partition(closing_tag)
            pending = pending[-len(closing_tag) :]
            if found:
                in_answer, text = True, rest.lstrip()
                is_blank = not text  # later deltas may contain more white space before the answer
        yield replace(delta, text=text)
    if pending and not in_answer and not closing_tag:
        yield Delta(pending)  # the reply ended in what could have been the start of a tag
