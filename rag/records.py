"""The nouns of rag: what moves between its parts. Frozen values, without behaviour beyond reading themselves.

Every offset counts Unicode code points of a document's canonical text; ends are exclusive.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, get_args

from rag.errors import SettingsError

Status = Literal["answered", "abstained", "degraded", "incomplete"]
Verdict = Literal[
    "exact", "normalised", "misattributed", "not found",  # of quotations
    "supported", "weak", "uncited", "unknown marker",  # of claims
]  # fmt: skip


Stage = Literal[
    "not read", "filtered", "not searched", "split", "not found", "cut by k", "no room", "below the threshold", "not cited",
    "cited",
]  # fmt: skip
STAGES: tuple[Stage, ...] = get_args(Stage)  # in the order in which a passage passes them


# Media types whose canonical text is Markdown.
_WITH_HEADINGS = frozenset({
    "text/markdown",
    "text/html",
    "application/epub+zip",
    "application/x-ipynb+json",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Anchor:
    """The beginning of a part that people look up in a document: a page, a slide, a sheet, a chapter.

    Attributes:
        start: Offset of its first character.
        name: "p. 3", "slide 4", the name of a sheet, the title of a chapter; may be empty.
        page: 1-based, for a page or a slide.
        counts: What each of its lines is called: "row" or "line"; empty if lines are not counted.
        first: Number of its first line.
    """

    start: int
    name: str = ""
    page: int | None = None
    counts: str = ""
    first: int = 1

    def locator(self, lines: int) -> str:
        """Returns where to look, for people.

        Args:
            lines: Number of its lines before the place.

        Example:
            >>> Anchor(0, "Budget", counts="row", first=1).locator(11), Anchor(0, "p. 3", 3).locator(4)
            ('Budget, row 12', 'p. 3')
        """
        number = f"{self.counts} {self.first + lines}" if self.counts else ""
        return ", ".join(part for part in (self.name, number) if part)


@dataclass(frozen=True, slots=True)
class Document:
    """One source as it was read.

    Attributes:
        text: The canonical text: NFC, lines ended by a line feed, otherwise unchanged.
        title: The document's own title, else one made from its name.
        author: As named in the document; empty if it names none.
        date: Date of publication, ISO 8601 (YYYY, YYYY-MM or YYYY-MM-DD); empty if unknown.
        anchors: Where its pages, slides, sheets or chapters begin, ascending; empty if it has none.
        media_type: Such as "text/plain".
        metadata: Further fields of the document itself, name → value.
        source: Its stable address: the path relative to the synced folder, or as given; for a part of a file (a message,
            an attachment) "path#part". Empty until stored.
        content_hash: SHA-256 of the bytes it was read from, hexadecimal. Empty until stored.
    """

    text: str
    title: str
    author: str = ""
    date: str = ""
    anchors: tuple[Anchor, ...] = ()
    media_type: str = "text/plain"
    metadata: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    content_hash: str = ""

    @property
    def has_headings(self) -> bool:
        """Whether lines of its text that begin with `#` are headings."""
        return self.media_type in _WITH_HEADINGS

    def page_at(self, offset: int) -> int | None:
        """Returns the 1-based page or slide at an offset; None for text without pages."""
        anchor = anchor_at(self.anchors, offset)
        return anchor.page if anchor else None


def anchor_at(anchors: Sequence[Anchor], offset: int) -> Anchor | None:
    """Returns the last anchor at or before an offset; the first one if there is none before it, None if there are none.

    Example:
        >>> anchor_at((Anchor(0, "p. 1", 1), Anchor(100, "p. 2", 2)), 100).name
        'p. 2'
    """
    at = bisect_right(anchors, offset, key=lambda anchor: anchor.start)
    return anchors[max(0, at - 1)] if anchors else None


@dataclass(frozen=True, slots=True)
class Passage:
    """A span [start, end) of a document: the unit that is embedded and retrieved.

    Attributes:
        heading: The headings above it, outermost first, joined by " › "; empty if there are none.
    """

    start: int
    end: int
    heading: str = ""


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """One row of the document list.

    Attributes:
        state: "ready", "embedding" (found by words now, by meaning soon), or "failed".
        root: The synced folder it came from; for a document added by name, the working folder at that time.
        error: Why it could not be read; empty unless failed. `hint` says what to do.
        added: When this revision was stored, ISO 8601, UTC.
        language: ISO 639-1 code; empty if unknown.
        unread_pages: Numbers of scanned pages, "3, 7", whose text is missing.
        id: Its number in the index; 0 for a file that could not be read.
    """

    source: str
    title: str
    author: str
    date: str
    media_type: str
    characters: int
    passages: int
    pages: int
    state: str
    root: str
    added: str
    content_hash: str
    error: str = ""
    hint: str = ""
    language: str = ""
    unread_pages: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Ranks:
    """Why a passage was found.

    Attributes:
        dense: Cosine of question and passage, in [-1, 1]; None if vectors were not available.
        lexical: BM25 of the question's words; 0 if it has none of them.
        dense_rank: 1-based rank by meaning; None if it is beyond the candidates.
        lexical_rank: The same by words.
    """

    dense: float | None
    lexical: float
    dense_rank: int | None
    lexical_rank: int | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its score for one question; a higher score is better.

    Attributes:
        also_in: Sources of near-identical passages that were folded into this one.
        locator: Where it begins, for people: "p. 3", "Budget, row 12"; empty in a document without anchors.
    """

    source: str
    title: str
    page: int | None
    start: int
    end: int
    score: float
    text: str
    heading: str
    author: str
    date: str
    ranks: Ranks
    document_id: int
    also_in: tuple[str, ...] = ()
    locator: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found.

    Attributes:
        hits: Best first.
        timings_ms: Stage → milliseconds.
        notice: What the reader must know; empty if all went well.
    """

    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered reference from an answer to exact characters of a document: `document.text[start:end] == quote`.

    Attributes:
        n: The number shown, 1-based, in order of appearance.
        locator: Where to look, for people: "p. 3", "Results › Table 2"; may be empty.
        answer_start: Where the cited claim begins in the answer's text; `answer_end` is one past its end.
        document_id: Id of the document in the index.
        content_hash: SHA-256 of what the document was read from: identifies the revision of a saved citation.
    """

    n: int
    source: str
    title: str
    locator: str
    page: int | None
    start: int
    end: int
    quote: str
    verdict: Verdict
    answer_start: int
    answer_end: int
    document_id: int
    content_hash: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """A claim or quotation of an answer that did not pass.

    Attributes:
        said: Its words, at [answer_start, answer_end) of the answer's text.
        note: What is wrong with it, for people ("says 30, the source says 20"); may be empty.
    """

    said: str
    verdict: Verdict
    answer_start: int
    answer_end: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and everything it rests on.

    Attributes:
        evidence: How well the documents answer the question, in [0, 1]; an extracted answer abstains below a threshold.
        model: "extraction", or the name of the model that wrote it.
        notice: What the reader must know (why it is degraded or incomplete, what was left out); may be empty.
        timings_ms: Stage → milliseconds.
        usage: Tokens as the model reported them, kind → count; empty for extraction.
        searched: The question as it was searched for, if a follow-up was rewritten to stand alone; else empty.
        read: Number of `hits`, from the first, that the answer was written from; there was no room for the others.
    """

    question: str
    text: str
    status: Status
    citations: tuple[Citation, ...]
    flags: tuple[Flag, ...]
    hits: tuple[Hit, ...]
    evidence: float
    model: str
    notice: str = ""
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    usage: Mapping[str, int] = field(default_factory=dict)
    searched: str = ""
    read: int = 0

    def _repr_html_(self) -> str:
        """Returns the answer as a notebook shows it."""
        # The name is IPython's, so the method must be here; its markup is of a higher rank, imported only by notebooks.
        from rag.integrations.notebook import answer_html

        return answer_html(self)


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """The passages that were found, before the answer begins."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text, markers included; sometimes empty, while nothing comes."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """The whole answer."""

    answer: Answer


Event = SourcesFound | TextDelta | AnswerDone  # an answer as it comes; the last event is the whole answer


@dataclass(frozen=True, slots=True)
class ExpectedPlace:
    """A place of an expected text in the documents, and how far its passage came.

    Attributes:
        locator: Where to look, for people; may be empty.
        start: Where the text begins in its document; `end` is one past its end.
        passages: Number of passages it is spread over; 1 if one contains all of it.
        rank: Fused rank of the best of them, 1-based; None if neither half found it.
        dense_rank: Its rank by meaning among all passages; None while it has no vector.
        lexical_rank: Its rank by words among all passages; None if it has none of the words that were looked up.
        stands_in: Source of the near-identical passage that it was folded into; mostly empty.
        stage: Where it was lost.
    """

    source: str
    page: int | None
    locator: str
    start: int
    end: int
    passages: int
    rank: int | None
    dense_rank: int | None
    lexical_rank: int | None
    stands_in: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an expected text is, or is not, in an answer.

    Attributes:
        stage: The furthest stage that any of its places reached.
        why: The reason, for people; `hint` says what may help, and may be empty.
        places: Its places, the furthest first.
        searched: What was searched for.
    """

    question: str
    expected: str
    stage: Stage
    why: str
    hint: str
    places: tuple[ExpectedPlace, ...]
    searched: tuple[str, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier exchange of a conversation."""

    question: str
    answer: str


_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")


@dataclass(frozen=True, slots=True)
class Filter:
    """The documents that a question is asked of. An empty field does not restrict.

    Attributes:
        sources: Shell patterns (`*`, `?`, `[…]`) on the source; any may match.
        since: Earliest date, ISO 8601, inclusive; documents without a date are left out.
        until: Latest date, inclusive.
        metadata: Field → value that must be equal; "title" and "author" are fields too.

    Raises:
        SettingsError: A date is not in that format.
    """

    sources: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for date in (self.since, self.until):
            if date and not _DATE.fullmatch(date):
                raise SettingsError(f"{date!r} is not a date", "write 2025-06-13, 2025-06 or 2025")

    def is_empty(self) -> bool:
        """Whether every document passes."""
        return not (self.sources or self.since or self.until or self.metadata)


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be imported."""

    source: str
    error: str
    hint: str


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What an import did.

    Attributes:
        held: Sources that vanished and were kept, because too many vanished at once or the folder could not be read.
        ignored: Number of files without text (pictures, archives, programs).
        passages: Number of passages embedded.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: tuple[Failure, ...] = ()
    held: tuple[str, ...] = ()
    ignored: int = 0
    passages: int = 0
    seconds: float = 0.0

    def joined(self, other: SyncReport) -> SyncReport:
        """Returns what two imports did together."""
        return SyncReport(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(SyncReport)})


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What a reindexing did.

    Attributes:
        documents: Number of documents that were split and embedded; those the new index version had already do not count.
        switched: Whether another index version is searched now; False if the index was built this way already.
    """

    documents: int
    passages: int
    embedder: str
    splitter: str
    switched: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is.

    Attributes:
        source: The current document.
        done: Files finished, of `total` known so far.
        passages: Passages embedded so far.
        found: Passages of long documents that can be found by words already, while vectors follow.
    """

    source: str
    done: int
    total: int
    passages: int
    found: int = 0


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What is in an index, and what it was built with.

    Attributes:
        waiting: Passages without a vector yet: they are found by words only.
        size: Bytes of the folder.
        evidence: Threshold below which an extracted answer abstains.
        versions: Package → version.
    """

    index: str
    documents: int
    passages: int
    waiting: int
    size: int
    embedder: str
    evidence: float
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Health:
    """The result of a check. `problems` is empty if all is well; `repaired` lists what was repaired.

    Attributes:
        vectors_in_chroma: None while another process holds Chroma; `chroma_holder` says which.
    """

    index: str
    documents: int
    passages: int
    waiting: int
    vectors_in_chroma: int | None
    embedder: str
    versions: Mapping[str, str]
    problems: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    chroma_holder: str = ""
