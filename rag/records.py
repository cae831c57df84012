"""The records that modules pass to each other: documents, passages, hits, citations, answers and reports.

All records are immutable. Offsets count Unicode code points in a document's canonical text, and end offsets are exclusive.
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
    "exact", "normalised", "misattributed", "not found",  # for quotations
    "supported", "weak", "uncited", "unknown marker",  # for claims
]  # fmt: skip


Stage = Literal[
    "not read", "filtered", "not searched", "split", "not found", "cut by k", "no room", "below the threshold", "not cited",
    "cited",
]  # fmt: skip
STAGES: tuple[Stage, ...] = get_args(Stage)  # in the order in which a passage goes through them


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
    """Where a page, slide, sheet or chapter begins in a document's text.

    Attributes:
        start: Offset of the first character.
        name: "p. 3", "slide 4", the sheet name or the chapter title; may be empty.
        page: 1-based page or slide number; None for sheets and chapters.
        counts: How lines are labelled in locators: "row" or "line"; empty if lines are not counted.
        first: Number shown for the anchor's first line.
    """

    start: int
    name: str = ""
    page: int | None = None
    counts: str = ""
    first: int = 1

    def locator(self, lines: int) -> str:
        """Returns a human-readable locator.

        Args:
            lines: Number of lines between the anchor and the target.

        Example:
            >>> Anchor(0, "Budget", counts="row", first=1).locator(11), Anchor(0, "p. 3", 3).locator(4)
            ('Budget, row 12', 'p. 3')
        """
        number = f"{self.counts} {self.first + lines}" if self.counts else ""
        return ", ".join(part for part in (self.name, number) if part)


BlockKind = Literal[
    "message", "exchange", "question", "answer", "list", "lead-in", "item", "heading", "paragraph", "table", "caption",
    "pair", "entry", "code", "quotation", "signature", "footnote", "cell",
]  # fmt: skip
BLOCK_KINDS: tuple[BlockKind, ...] = get_args(BlockKind)  # those that contain others first


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a document, such as a heading or a list item: a span [start, end) of its text without outer white space.

    Blocks are in the order of the text and are nested, never crossed; a block precedes the blocks that it contains. These
    kinds contain others: a list its lead-in ("Bring the following:") and items, an exchange a question and its answer, and
    a message its paragraphs. An entry is a line of a log or what one person says in a chat or a transcript. A cell of a
    table is a block only if the table shows its number rounded.

    Attributes:
        level: Level of a heading (1 to 6), nesting depth of an item (from 1), or number of a table's header lines. A table
            consists of lines, and each line is a row. 0 for other kinds.
        number: The number that is printed before the block, such as "3.1" or "(b)", or a footnote's mark. For what a mail
            quotes, the message that contains it and is searched instead: its number in the same mailbox, or its source. For
            a cell, its exact number, such as "12.543" if the table shows 12.5%. May be empty.
        label_end: Where the label at the start of the block ends, such as "Rent:", or a speaker's name; 0 if there is none.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    number: str = ""
    label_end: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read from its source.

    Attributes:
        text: The canonical text: normalised to NFC, with line feeds as line endings, otherwise unchanged.
        title: The document's own title, or one derived from its file name.
        author: The author named in the document; empty if there is none.
        date: Publication date in ISO 8601 format (YYYY, YYYY-MM or YYYY-MM-DD); empty if unknown.
        anchors: Where pages, slides, sheets or chapters begin, in ascending order; empty if the document has none.
        media_type: The media type, such as "text/plain".
        metadata: Other metadata found in the document, by name.
        source: Stable address: the document's path relative to the synced folder, or the path or URL that was given.
            The address of a part of a file, such as a message or an attachment, is "path#part". A parser leaves this
            field empty for a whole file, and sets it to "part" for a part.
        content_hash: SHA-256 hash of the file's bytes, in hexadecimal. May be empty until the document is stored.
        blocks: The document's parts, such as headings, paragraphs and tables.
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
    blocks: tuple[Block, ...] = ()

    @property
    def has_headings(self) -> bool:
        """Whether lines in the text that begin with `#` are headings."""
        return self.media_type in _WITH_HEADINGS

    def page_at(self, offset: int) -> int | None:
        """Returns the 1-based page or slide number at an offset; None for text without pages."""
        anchor = anchor_at(self.anchors, offset)
        return anchor.page if anchor else None


def anchor_at(anchors: Sequence[Anchor], offset: int) -> Anchor | None:
    """Returns the last anchor at or before an offset, or the first anchor if all come later; None if there are none.

    Example:
        >>> anchor_at((Anchor(0, "p. 1", 1), Anchor(100, "p. 2", 2)), 100).name
        'p. 2'
    """
    at = bisect_right(anchors, offset, key=lambda anchor: anchor.start)
    return anchors[max(0, at - 1)] if anchors else None


@dataclass(frozen=True, slots=True)
class Passage:
    """A span [start, end) of a document's text: the unit that is embedded and retrieved.

    Attributes:
        heading: Headings above the passage, outermost first, joined with " › "; empty if there are none.
    """

    start: int
    end: int
    heading: str = ""


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """One entry in the list of documents.

    Attributes:
        state: "ready", "embedding" (already searchable by words, soon by meaning), or "failed".
        root: The synced folder that contains the document. For a file outside all synced folders, the working folder
            when it was added, or "/" if it was added by absolute path. Empty for a document that is not from a file.
        error: Why the file could not be read; empty unless `state` is "failed".
        hint: A suggestion for solving the problem; may be empty.
        added: UTC time at which this revision was stored, in ISO 8601 format.
        language: ISO 639-1 code; empty if unknown.
        unread_pages: Numbers of the scanned pages whose text is missing, for example "3, 7".
        id: The document's id in the index; 0 for a file that could not be read.
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
    """A passage's scores and ranks in the searches by meaning and by wording, which explain why it was found.

    Attributes:
        dense: Cosine similarity between question and passage, in [-1, 1]; None if the passage has no vector yet.
        lexical: BM25 score; 0 if the passage contains none of the question's words.
        dense_rank: 1-based rank by cosine similarity; None if the passage is not among the candidates.
        lexical_rank: 1-based rank by BM25 score; None if the passage is not among the candidates.
    """

    dense: float | None
    lexical: float
    dense_rank: int | None
    lexical_rank: int | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and its score for a question; a higher score is better.

    Attributes:
        also_in: Sources of near-identical passages that were merged into this one.
        locator: Human-readable position, such as "p. 3" or "Budget, row 12"; empty in a document without anchors.
        answers: Probability that the passage answers the question; None if the reader did not read it.
        short_start: Where the words that answer, or come closest to it, start in the document; None if it was not read.
        short_end: Where they end.
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
    answers: float | None = None
    short_start: int | None = None
    short_end: int | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    Attributes:
        hits: The passages found, best first.
        timings_ms: Time spent in each stage, in milliseconds.
        notice: A warning to show to the user; empty if there were no problems.
    """

    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered reference from an answer to exact characters of a document: `document.text[start:end] == quote`.

    Attributes:
        n: Number shown in the answer; citations are numbered from 1 in order of appearance.
        locator: Human-readable position, such as "p. 3" or "Results › Table 2"; may be empty.
        answer_start: Start of the cited claim in the answer's text.
        answer_end: Exclusive end of the cited claim in the answer's text.
        document_id: The document's id in the index.
        content_hash: SHA-256 of the file that the document was read from, which identifies the document's revision.
        short_start: Where the words that answer the question start in the document, within [start, end); None if unknown.
        short_end: Where they end.
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
    short_start: int | None = None
    short_end: int | None = None

    @property
    def short_in_quote(self) -> tuple[int, int]:
        """Where the words that answer start and end in the quote; (0, 0) if they are unknown."""
        if self.short_start is None or self.short_end is None:
            return 0, 0
        return self.short_start - self.start, self.short_end - self.start


@dataclass(frozen=True, slots=True)
class Flag:
    """A claim or quotation in an answer that failed a check.

    Attributes:
        said: Text of the claim or quotation, which is at [answer_start, answer_end) in the answer's text.
        note: Explanation, such as "says 30, the source says 20"; may be empty.
    """

    said: str
    verdict: Verdict
    answer_start: int
    answer_end: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its citations, flags and hits.

    Attributes:
        evidence: How well the documents answer the question, in [0, 1]. Below a threshold, an extracted answer abstains.
        model: "extraction", or the name of the model that wrote the answer.
        notice: A message to show to the user, for example why the answer is incomplete; may be empty.
        timings_ms: Time spent in each stage, in milliseconds.
        usage: Token counts reported by the model, by kind of token; empty for extraction.
        searched: The rewritten question that was searched for, if the question was a follow-up; otherwise empty.
        read: Number of hits that the answer is based on. These are the first hits; there was no room for the others.
        short: The words in an extracted answer that answer the question; may be empty.
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
    short: str = ""

    def _repr_html_(self) -> str:
        """Returns the answer as HTML for notebooks."""
        # IPython looks for this method on the object. The HTML is built elsewhere, in a module that only notebooks import.
        from rag.integrations.notebook import answer_html

        return answer_html(self)


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """An event with the passages that were found. Comes before any text."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """An event with the next piece of the answer's text, with citation markers. Empty while the model is silent."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """An event with the complete answer. Comes last."""

    answer: Answer


Event = SourcesFound | TextDelta | AnswerDone  # yielded by a streamed answer; AnswerDone comes last


@dataclass(frozen=True, slots=True)
class ExpectedPlace:
    """One occurrence of the expected text in the documents, and the last stage that its passage reached.

    Attributes:
        locator: Human-readable position; may be empty.
        start: Start of the occurrence in the document's text.
        end: Exclusive end of the occurrence in the document's text.
        passages: Number of passages that the occurrence spans; 1 if a single passage contains all of it.
        rank: 1-based rank of the best of these passages in the combined results; None if no search found any of them.
        dense_rank: Rank by cosine similarity among all passages; None if the passage has no vector yet.
        lexical_rank: Rank by BM25 among all passages; None if the passage contains none of the words searched for.
        stands_in: Source of the near-identical passage that this passage was merged into; empty if it was not merged.
        stage: The stage at which the passage was dropped, or "cited".
        answers: Probability that its passage answers the question, according to the reader; None if it was not read.
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
    answers: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Explains why an expected text is, or is not, in an answer.

    Attributes:
        stage: The furthest stage that any occurrence reached.
        why: The reason, as text for the user.
        hint: A suggestion that may help; may be empty.
        places: Occurrences of the expected text, starting with the one that reached the furthest stage.
        searched: The queries that were searched for.
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
    """An earlier question in a conversation, and its answer."""

    question: str
    answer: str


_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")


@dataclass(frozen=True, slots=True)
class Filter:
    """Restricts a question to certain documents. Empty fields have no effect.

    Attributes:
        sources: Shell patterns (`*`, `?`, `[…]`) for sources; a document must match at least one.
        since: Earliest date, inclusive, in ISO 8601 format; documents without a date are excluded.
        until: Latest date, inclusive.
        metadata: The required value for each field; "title" and "author" count as fields.

    Raises:
        SettingsError: A date is not in ISO 8601 format.
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
        """Returns whether the filter matches every document."""
        return not (self.sources or self.since or self.until or self.metadata)


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be imported."""

    source: str
    error: str
    hint: str


@dataclass(frozen=True, slots=True)
class SyncReport:
    """The result of an import.

    Attributes:
        held: Files that no longer exist, but whose documents were kept because so many files are missing at once.
        ignored: Number of files skipped because files of their type contain no text (images, archives, programs).
        passages: Number of passages that were embedded.
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
        """Returns this report combined with another. Their counts are added, and their lists are joined."""
        return SyncReport(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(SyncReport)})


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """The result of a reindex.

    Attributes:
        documents: Number of documents split and embedded, excluding those already in the new index version.
        switched: Whether a different index version is now current; False if the index already matched the settings.
    """

    documents: int
    passages: int
    embedder: str
    splitter: str
    switched: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an import.

    Attributes:
        source: The document being imported.
        done: Number of files processed so far.
        total: Number of files to process; 0 if unknown.
        passages: Number of passages embedded so far.
        found: Number of passages from long documents that are searchable by words but still need vectors.
    """

    source: str
    done: int
    total: int
    passages: int
    found: int = 0


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The contents of an index, and the versions of the packages in use.

    Attributes:
        waiting: Number of passages that have no vector yet and are searchable by words only.
        size: Size of the index folder, in bytes.
        characters: Number of code points in the documents' texts.
        evidence: Abstention threshold for extracted answers.
        versions: The installed version of each package, by package name.
    """

    index: str
    documents: int
    passages: int
    waiting: int
    size: int
    characters: int
    embedder: str
    evidence: float
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Health:
    """The result of an index check.

    Attributes:
        size: Size of the index folder, in bytes.
        characters: Number of code points in the documents' texts.
        vectors_in_chroma: Number of vectors in Chroma; None if another process has Chroma open.
        problems: The problems that remain; empty if the index is healthy.
        repaired: The problems that were repaired, and any changes that the catalog has lost.
        notices: What was found about Chroma, which is rebuilt from the catalog whenever that is necessary.
        chroma_holder: The process that has Chroma open; empty if Chroma could be opened.
    """

    index: str
    documents: int
    passages: int
    waiting: int
    size: int
    characters: int
    vectors_in_chroma: int | None
    embedder: str
    versions: Mapping[str, str]
    problems: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    chroma_holder: str = ""
