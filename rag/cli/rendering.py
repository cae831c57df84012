"""Renders records as lines of text for the terminal.

Replaces control characters, and characters that change the direction of text, in all text that comes from documents,
questions and models, so that the text cannot manipulate the terminal.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from rag.answering.extraction import closest_sentence
from rag.answering.verification.answer_check import MARKER, without_markers
from rag.answering.verification.citation_trace import CitationTrace, SavedCitation, difference
from rag.models.local_servers import LocalServer
from rag.records import (
    Answer,
    Citation,
    Document,
    DocumentInfo,
    Explanation,
    Health,
    Hit,
    Progress,
    ReindexReport,
    SyncReport,
)
from rag.text.blocks import rows
from rag.text.unicode_text import TERMINAL_CONTROLS

_CONTROLS = re.compile(f"[{re.escape(''.join(sorted(TERMINAL_CONTROLS)))}]")
_SPACES = re.compile(r"\s+")
_BOLD, _PLAIN = "\x1b[1m", "\x1b[22m"
_WIDTH = 100  # code points of a block that are printed
_EXCERPT = 160  # code points of each of the closest passages that are printed
_MILLION = 1_000_000  # for less text, the size of an empty index matters more than the text
_UNFINISHED_MARKER = re.compile(r"[\[【][^\]】\n]{0,48}$")
_VERDICTS = {"exact": "", "supported": "", "weak": " ≈ not fully supported by the source"}
_STATES = {"ready": "ready", "embedding": "waiting for vectors (until then, found only by wording)", "failed": "unreadable"}


def plain(text: str) -> str:
    """Returns text with every character that could manipulate a terminal replaced by U+FFFD."""
    return _CONTROLS.sub("\ufffd", text)


def json_text(value: object, indent: int | None = None) -> str:
    r"""Returns a value as JSON in which every character that could manipulate a terminal is escaped.

    JSON itself requires that only for characters below U+0020.

    Example:
        >>> json_text("\x9b31m é")
        '"\\u009b31m é"'
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def one_line(text: str) -> str:
    """Returns text on one line, with runs of white space collapsed and unsafe characters replaced (see `plain`)."""
    return plain(" ".join(text.split()))


def counted(number: int, noun: str) -> str:
    """Returns a number followed by a noun, with a plural "s" unless the number is 1.

    Example:
        >>> counted(1, "document"), counted(1200, "passage")
        ('1 document', '1,200 passages')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class LiveText:
    """The text of an answer that is still being written. Its citation markers are unchecked, so each is shown as `[·]`."""

    def __init__(self) -> None:
        self._held_back = ""  # text that may be the start of a marker

    def feed(self, delta: str) -> str:
        """Takes the next piece of the answer and returns the text to print now."""
        text = self._held_back + delta
        unfinished = _UNFINISHED_MARKER.search(text)
        self._held_back = text[unfinished.start() :] if unfinished else ""
        return plain(MARKER.sub("[·]", text[: unfinished.start()] if unfinished else text))

    def flush(self) -> str:
        """Returns any text that is still held back. Call this at the end of the answer."""
        last, self._held_back = self._held_back, ""
        return plain(last)


def footnotes(answer: Answer, *, is_terminal: bool) -> Iterator[str]:
    """Yields the lines below an answer: its citations and flags and, if rag declined to answer, the closest passages.

    Args:
        answer: The answer.
        is_terminal: Whether the answer was printed on a terminal, that is, without citation numbers. If so, the claim that
            each citation supports is quoted, and the words that answer are bold unless the user wants no colours.
    """
    if answer.status == "abstained" and answer.hits:
        yield "\nClosest passages:"
        for hit in answer.hits[:3]:
            yield f"  {_place(hit.source, hit.locator)}: {_shortened(one_line(closest_sentence(hit).text), _EXCERPT)}"
    if answer.citations:
        yield ""
    for citation in answer.citations:
        yield from _citation(answer, citation, is_terminal)
    for flag in answer.flags:
        note = f" ({one_line(flag.note)})" if flag.note else ""
        yield f"⚑ {flag.verdict}{note}: {one_line(flag.said)[:200]}"


def _citation(answer: Answer, citation: Citation, is_terminal: bool) -> Iterator[str]:
    claim = one_line(without_markers(answer.text[citation.answer_start : citation.answer_end]))[:60]
    place = f"{_place(citation.source, citation.locator)}, characters {citation.start}–{citation.end}"
    verdict = _VERDICTS.get(citation.verdict, f" ({citation.verdict})")
    yield f"[{citation.n}]{f' for “{claim}…”' if is_terminal else ''} {place}{verdict}"
    start, end = citation.short_in_quote if is_terminal and not os.environ.get("NO_COLOR") else (0, 0)
    pieces = (citation.quote[:start], citation.quote[start:end], citation.quote[end:])
    before, short, after = (plain(_SPACES.sub(" ", piece)) for piece in pieces)
    yield f"    “{before}{_BOLD}{short}{_PLAIN}{after}”" if short else f"    “{one_line(citation.quote)}”"


def hit(n: int, found: Hit) -> str:
    """Returns a search result, with its number, source, scores and text."""
    ranks = found.ranks
    meaning = "no vector yet" if ranks.dense is None else f"meaning {ranks.dense:.2f} (rank {ranks.dense_rank})"
    words = f"wording {ranks.lexical:.2f}" + (f" (rank {ranks.lexical_rank})" if ranks.lexical_rank else "")
    also = f"\n   also in {', '.join(map(one_line, found.also_in))}" if found.also_in else ""
    place = f"{_place(found.source, found.locator)} [{found.start}:{found.end}]"
    answers = "" if found.answers is None else f"answers {found.answers:.2f}, "
    return f"{n}. {place}  {found.score:.3f}: {answers}{meaning}, {words}{also}\n   {one_line(found.text)[:300]}"


def explanation(found: Explanation) -> Iterator[str]:
    """Yields lines that explain why an expected text is or is not in an answer."""
    yield f"{found.stage}: {found.why}" + (f" ({found.hint})" if found.hint else "")
    for place in found.places:
        passages = f", across {place.passages} passages" if place.passages > 1 else ""
        yield f"  {_place(place.source, place.locator)} [{place.start}:{place.end}]{passages}  {place.stage}"
        if found.searched and place.stage != "filtered":
            meaning = f"meaning {_rank(place.dense_rank, 'no vector yet')}"
            words = f"wording {_rank(place.lexical_rank, 'no match')}"
            merged = f"; represented by a near-duplicate in {one_line(place.stands_in)}" if place.stands_in else ""
            yield f"    {_rank(place.rank, 'not a candidate')}: {meaning}, {words}{merged}"


def _rank(rank: int | None, otherwise: str) -> str:
    return f"rank {rank:,}" if rank else otherwise


def trace(saved: SavedCitation, found: CitationTrace) -> Iterator[str]:
    """Yields lines that show the state of a saved citation, with removed words as [-…-] and added words as {+…+}."""
    where = f", characters {found.start}–{found.end}" if found.now else ""
    yield f"[{saved.n}] {one_line(saved.source)}{where}: {found.state}"
    if found.state == "changed" and found.now:
        yield "    " + "".join(_marked(kind, words) for kind, words in difference(saved.quote, found.now))
    elif found.state == "changed":
        yield f"    “{one_line(saved.quote)}” is no longer in the document"


def _marked(kind: Literal["=", "-", "+"], words: str) -> str:
    """Marks words as unchanged, removed or added, such as ("-", "red") → "[-red-]"."""
    if kind == "=":
        return plain(words).replace("\n", " ")
    inner = one_line(words) if words.strip() else " "
    return f"[-{inner}-]" if kind == "-" else f"{{+{inner}+}}"


def pace(now: Progress, seconds: float) -> tuple[float, float | None]:
    """Returns an import's speed and its estimated remaining time.

    Args:
        now: The import's progress so far.
        seconds: Time since the import started.

    Returns:
        Passages per second, and the seconds left at this speed; the latter is None if it cannot be estimated yet.
    """
    left = seconds * (now.total - now.done) / now.done if now.total > now.done > 0 else None
    return now.passages / seconds if seconds else 0.0, left


def progress(now: Progress, seconds: float) -> str:
    """Returns an import's progress as one line.

    Args:
        now: The import's progress so far.
        seconds: Time since the import started.
    """
    rate, seconds_left = pace(now, seconds)
    of = f" of {now.found:,}" if now.found else ""
    left = f", {_duration(seconds_left)} left" if seconds_left else ""
    files = f"{now.done}/{now.total} files" if now.total else f"{now.done} files"
    return f"{files}, {now.passages:,}{of} passages embedded, {rate:.0f}/s{left}  {one_line(now.source)}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def document(info: DocumentInfo) -> str:
    """Returns a document's line in the list of documents."""
    if info.state == "failed":
        return f"{one_line(info.source)}  ✗ {one_line(info.error)}" + (f" ({info.hint})" if info.hint else "")
    about = f"{info.date or '—':10}  {info.passages:6,} passages  {info.state}"
    unread = f"  (scanned pages without text: {info.unread_pages})" if info.unread_pages else ""
    return f"{one_line(info.source)}  {about}  {one_line(info.title)}{one_line(unread)}"


def blocks(document: Document) -> Iterator[str]:
    """Yields a line for each of a document's blocks, and for each row of a table, indented by nesting depth."""
    ends: list[int] = []  # of the blocks that contain the current one
    for block in document.blocks:
        while ends and block.start >= ends[-1]:
            ends.pop()
        details = " ".join(filter(None, (block.kind, str(block.level or ""), block.number)))
        words = one_line(document.text[block.start : block.end])
        yield f"{'  ' * len(ends)}{details}  {block.start}–{block.end}  {_shortened(words)}"
        if block.kind == "table":
            for start, end, is_header in rows(document.text, block):
                words = one_line(document.text[start:end])
                yield f"{'  ' * (len(ends) + 1)}{'header' if is_header else 'row'}  {start}–{end}  {_shortened(words)}"
        ends.append(block.end)


def _shortened(words: str, width: int = _WIDTH) -> str:
    return words if len(words) <= width else f"{words[: width - 1]}…"


def documents_total(infos: Sequence[DocumentInfo]) -> str:
    """Returns the total number of documents and the number in each state.

    Example:
        >>> documents_total([])
        '0 documents'
    """
    states = Counter(info.state for info in infos)
    counts = ", ".join(f"{states[state]:,} {words}" for state, words in _STATES.items() if states[state])
    return counted(len(infos), "document") + (f": {counts}" if counts else "")


def report(done: SyncReport, if_empty: str) -> Iterator[str]:
    """Yields lines that summarize what an import changed, or `if_empty` if there was no document to import."""
    counts = {"added": done.added, "updated": done.updated, "unchanged": done.unchanged, "removed": done.removed}
    changes = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    if changes or done.failed or done.held:
        yield f"{changes or 'nothing imported'}; {counted(done.passages, 'passage')} embedded in {done.seconds:.1f} s"
    else:
        yield if_empty
    if done.ignored:
        yield f"skipped {counted(done.ignored, 'file')} without text (images, archives, programs)"


def failures(done: SyncReport) -> Iterator[str]:
    """Yields a line for each file that an import could not read, and one for any missing documents that were kept."""
    for failure in done.failed:
        hint = f" ({failure.hint})" if failure.hint else ""
        yield f"✗ {one_line(failure.source)}: {one_line(failure.error)}{hint}"
    if done.held:
        missing = counted(len(done.held), "document")
        yield f"kept {missing} missing from the folder; to remove missing documents, run: rag sync --prune"


def reindexed(done: ReindexReport) -> str:
    """Returns a line that summarizes what reindexing did."""
    made_with = f"{one_line(done.embedder)}, {one_line(done.splitter)}"
    if not done.switched:
        return f"nothing to do: the index already uses {made_with}"
    documents, passages = counted(done.documents, "document"), counted(done.passages, "passage")
    counts = f"{documents}, {passages} embedded in {done.seconds:.1f} s"
    return f"{counts}; the index now uses {made_with}; to delete the previous version, run: rag compact"


def local_servers(found: Sequence[LocalServer]) -> Iterator[str]:
    """Yields the model servers on this machine, with a command for using each model."""
    for server in found:
        yield f"{server.name} at {server.base_url}" + ("" if server.models else ": no models yet")
        for model in server.models:
            yield f"  rag --base-url {server.base_url} --model {shlex.quote(one_line(model))} ask …"
    if not found:
        yield (
            "no model server found on the default ports of Ollama and LM Studio; "
            "to use a different server, set --base-url and --model"
        )


def health(found: Health) -> Iterator[str]:
    """Yields lines that describe the state of an index."""
    vectors = (
        f"{found.vectors_in_chroma:,} vectors"
        if found.vectors_in_chroma is not None
        else f"in use by another process ({found.chroma_holder})"
        if found.chroma_holder
        else "not in use"
    )
    documents, passages = counted(found.documents, "document"), counted(found.passages, "passage")
    counts = f"{documents}, {passages} ({found.waiting:,} waiting for vectors)"
    yield f"{found.index}: {counts}; Chroma: {vectors}; embedder {found.embedder}"
    times = f", {found.size / found.characters:.1f} times as many" if found.characters >= _MILLION else ""
    yield f"size: {found.size:,} bytes for {found.characters:,} characters of text{times}"
    yield "  ".join(f"{name} {version}" for name, version in found.versions.items())
    yield from (f"repaired: {line}" for line in found.repaired)
    yield from (f"note: {line}" for line in found.notices)
    yield from (f"problem: {line}" for line in found.problems)
    if not found.problems:
        yield "no problems"


def settings(values: Mapping[str, str | int | float], origins: Mapping[str, str]) -> Iterator[str]:
    """Yields a table of the current settings.

    Args:
        values: The value of each setting, with API keys masked.
        origins: The origin of each setting's value, such as "default" or "rag.toml".
    """
    for name, value in values.items():
        yield plain(f"{name:16} {value!s:32} {origins[name]}")


def destinations(addresses: Mapping[str, str]) -> str:
    """Returns a line that shows where text is sent, given a mapping from each kind of text to its destination."""
    return plain(
        "; ".join(f"sends {what} to {address}" for what, address in addresses.items()) or "nothing leaves this machine"
    )


def _place(source: str, locator: str) -> str:
    return one_line(f"{source}, {locator}" if locator else source)
