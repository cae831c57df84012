"""What the command line prints, made from records: lines of text for people.

Nothing of documents, questions or models keeps a control character or a reordering mark: a document must not steer a
terminal.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rag.answering.answer_check import MARKER, without_markers
from rag.answering.citation_trace import CitationTrace, SavedCitation, difference
from rag.models.local_servers import LocalServer
from rag.records import Answer, DocumentInfo, Explanation, Health, Hit, Progress, ReindexReport, SyncReport

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BEGUN_MARKER = re.compile(r"[\[【][^\]】\n]{0,48}$")
_VERDICTS = {"exact": "", "supported": "", "weak": " ≈ the source does not quite say this"}


def plain(text: str) -> str:
    """Text that cannot steer a terminal."""
    return _CONTROLS.sub("\ufffd", text)


def one_line(text: str) -> str:
    """The same on one line."""
    return plain(" ".join(text.split()))


class Live:
    """An answer as it is being written: its markers are neutral, for they are not checked yet."""

    def __init__(self) -> None:
        self._kept = ""  # the beginning of what may become a marker

    def shown(self, piece: str) -> str:
        """What to print now."""
        text = self._kept + piece
        begun = _BEGUN_MARKER.search(text)
        self._kept = text[begun.start() :] if begun else ""
        return plain(MARKER.sub("[·]", text[: begun.start()] if begun else text))

    def rest(self) -> str:
        """What was held back, at the end."""
        last, self._kept = self._kept, ""
        return plain(last)


def footnotes(answer: Answer, *, with_claims: bool) -> Iterator[str]:
    """What stands below an answer: its citations, what does not stand, or what comes closest.

    Args:
        answer: The whole answer.
        with_claims: Say which claim each citation is for, where the answer was printed without numbers.
    """
    if answer.status == "abstained" and answer.hits:
        yield "\nClosest:"
        for found in answer.hits[:3]:
            yield f"  {_place(found.source, found.locator)}: {one_line(found.text)[:160]}…"
    if answer.citations:
        yield ""
    for c in answer.citations:
        verdict = _VERDICTS.get(c.verdict, f" ({c.verdict})")
        claim = (
            f" for “{one_line(without_markers(answer.text[c.answer_start : c.answer_end]))[:60]}…”" if with_claims else ""
        )
        place = f"{_place(c.source, c.locator)}, characters {c.start}–{c.end}"
        yield f"[{c.n}]{claim} {place}{verdict}\n    “{one_line(c.quote)}”"
    for flag in answer.flags:
        note = f" ({one_line(flag.note)})" if flag.note else ""
        yield f"⚑ {flag.verdict}{note}: {one_line(flag.said)[:200]}"


def hit(n: int, found: Hit) -> str:
    """A passage that was found, and why."""
    r = found.ranks
    meaning = "not embedded yet" if r.dense is None else f"meaning {r.dense:.2f} (rank {r.dense_rank})"
    words = f"words {r.lexical:.2f}" + (f" (rank {r.lexical_rank})" if r.lexical_rank else "")
    also = f"\n   also in {', '.join(map(one_line, found.also_in))}" if found.also_in else ""
    place = f"{_place(found.source, found.locator)} [{found.start}:{found.end}]"
    return f"{n}. {place}  {found.score:.3f}: {meaning}, {words}{also}\n   {one_line(found.text)[:300]}"


def reason(found: Explanation) -> Iterator[str]:
    """Why an expected text is, or is not, in an answer."""
    yield f"{found.stage}: {found.why}" + (f" ({found.hint})" if found.hint else "")
    for place in found.places:
        ranks = (f"meaning {_nth(place.dense_rank, 'no vector yet')}", f"words {_nth(place.lexical_rank, 'none of them')}")
        folded = f"; counted with {one_line(place.stands_in)}, which says the same" if place.stands_in else ""
        spread = f", over {place.passages} passages" if place.passages > 1 else ""
        yield f"  {_place(place.source, place.locator)} [{place.start}:{place.end}]{spread}  {place.stage}"
        if found.searched and place.stage != "filtered":
            yield f"    {_nth(place.rank, 'not looked at')}: {', '.join(ranks)}{folded}"


def trace(saved: SavedCitation, found: CitationTrace) -> Iterator[str]:
    """What became of a saved citation; where its words changed, gone ones stand in [-…-], new ones in {+…+}."""
    where = f", characters {found.start}–{found.end}" if found.now else ""
    yield f"[{saved.n}] {one_line(saved.source)}{where}: {found.state}"
    if found.state == "changed":
        if found.now:
            marks = {"=": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}
            yield "    " + "".join(marks[kind].format(one_line(words) if words.strip() else " ")
                                   if kind != "=" else plain(words).replace("\n", " ")
                                   for kind, words in difference(saved.quote, found.now))  # fmt: skip
        else:
            yield f"    “{one_line(saved.quote)}” is not in the document any more"


def progress_facts(now: Progress, seconds: float) -> dict[str, Any]:
    """How far an import is, as `--json` says it; seconds are left if it goes on like this."""
    left = seconds * (now.total - now.done) / now.done if now.total > now.done > 0 else None
    return {
        "source": now.source, "files": now.done, "of": now.total or None, "passages": now.passages, "found": now.found,
        "rate": round(now.passages / seconds, 1) if seconds else 0.0,
        "seconds_left": None if left is None else round(left, 1),
    }  # fmt: skip


def progress(now: Progress, seconds: float) -> str:
    """The same, for people."""
    facts = progress_facts(now, seconds)
    of = f" of {now.found:,}" if now.found else ""
    left = f", {_minutes(facts['seconds_left'])} left" if facts["seconds_left"] else ""
    files = f"{now.done}/{now.total} files" if now.total else f"{now.done} files"
    return f"{files}, {now.passages:,}{of} passages embedded, {facts['rate']:.0f}/s{left}  {one_line(now.source)}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _nth(rank: int | None, otherwise: str) -> str:
    return f"rank {rank:,}" if rank else otherwise


def document(info: DocumentInfo) -> str:
    """A row of the document list."""
    if info.state == "failed":
        return f"{one_line(info.source)}  ✗ {one_line(info.error)}" + (f" ({info.hint})" if info.hint else "")
    about = f"{info.date or '—':10}  {info.passages:6,} passages  {info.state}"
    unread = f"  (pages that are pictures were not read: {info.unread_pages})" if info.unread_pages else ""
    return f"{one_line(info.source)}  {about}  {one_line(info.title)}{one_line(unread)}"


def documents_total(infos: Sequence[DocumentInfo]) -> str:
    """How many documents are in which state.

    Example:
        >>> documents_total([])
        '0 documents'
    """
    states = Counter(info.state for info in infos)
    said = {"ready": "ready", "embedding": "found by words, waiting for vectors", "failed": "not read"}
    counts = ", ".join(f"{states[state]:,} {words}" for state, words in said.items() if states[state])
    return f"{len(infos):,} document{'s' * (len(infos) != 1)}" + (f": {counts}" if counts else "")


def report(done: SyncReport) -> Iterator[str]:
    """What an import did."""
    counts = {"added": done.added, "updated": done.updated, "unchanged": done.unchanged, "removed": done.removed}
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing to do"
    yield f"{said}; {done.passages:,} passages embedded in {done.seconds:.1f} s"
    if done.ignored:
        yield f"{done.ignored:,} files of kinds without text passed over"


def failures(done: SyncReport) -> Iterator[str]:
    """What an import could not do, and why."""
    for failure in done.failed:
        hint = f" ({failure.hint})" if failure.hint else ""
        yield f"✗ {one_line(failure.source)}: {one_line(failure.error)}{hint}"
    if done.held:
        yield f"{len(done.held)} documents vanished and are kept for now; `rag sync --prune` removes them"


def reindexed(done: ReindexReport) -> str:
    """What a reindexing did."""
    made_with = f"{one_line(done.embedder)}, {one_line(done.splitter)}"
    if not done.switched:
        return f"nothing to do: the index is built with {made_with} already"
    counts = f"{done.documents:,} documents, {done.passages:,} passages embedded in {done.seconds:.1f} s"
    return f"{counts}; asked from now on: {made_with}. `rag compact` removes what was there before"


def local_servers(found: Sequence[LocalServer]) -> Iterator[str]:
    """Model servers on this machine, and how to have them answer."""
    for server in found:
        yield f"{server.name} at {server.base_url}" + ("" if server.models else ": no models yet")
        for model in server.models:
            yield f"  rag --base-url {server.base_url} --model {shlex.quote(one_line(model))} ask …"
    if not found:
        yield "no model server on the usual ports of Ollama and LM Studio; any other is named by --base-url and --model"


def health(found: Health) -> Iterator[str]:
    """How an index is."""
    held = (
        f"{found.vectors_in_chroma:,} vectors"
        if found.vectors_in_chroma is not None
        else (f"held by another process ({found.chroma_holder})")
    )
    counts = f"{found.documents:,} documents, {found.passages:,} passages, {found.waiting:,} waiting for vectors"
    yield f"{found.index}: {counts}; Chroma: {held}; embedder {found.embedder}"
    yield "  ".join(f"{name} {version}" for name, version in found.versions.items())
    yield from (f"repaired: {line}" for line in found.repaired)
    yield from (f"problem: {line}" for line in found.problems)
    if not found.problems:
        yield "all well"


def _place(source: str, locator: str) -> str:
    return one_line(f"{source}, {locator}" if locator else source)
