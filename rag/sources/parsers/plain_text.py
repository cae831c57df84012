"""Parses plain text and subtitles.

Plain text is kept unchanged. Subtitles (WebVTT, SubRip) become what each speaker says, with an anchor for its time.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.errors import ReadError
from rag.records import Anchor, Block, Document
from rag.sources.decoding.text import EDGE, canonical, decode, find_author, find_date, name_as_title
from rag.text.unicode_text import BYTE_ORDER_MARK

_TIMING = re.compile(
    r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})[ \t]+-->[ \t]+(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
)
_VOICE = re.compile(r"<v(?:\.[^ <>\t\n]*+)?[ \t]([^<>\n]{1,100}+)>")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,100}>|<\d[\d:.]{3,20}>|\{\\[^{}\n]{0,100}\}")
_NAMED = re.compile(r"[-–]?[ ]?([^\W\d_][^\n:.!?]{0,40}):[ ]+(?=\S)")
_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？", '."', '?"', "”")
# A pause after a sentence ends what is said, and so do a sentence after _LONG code points and any cue after _LONGEST.
_PAUSE_S, _LONG, _LONGEST = 4.0, 600, 5_000


@dataclass(frozen=True, slots=True)
class _Cue:
    """A subtitle: when it is shown, in seconds, who speaks (empty if unknown), and the words."""

    start: float
    end: float
    speaker: str
    words: str


def parse(data: bytes, name: str) -> Document:
    """Parses plain text.

    Raises:
        ReadError: The bytes are not text in any known encoding.
    """
    text = canonical(decode(data))
    edges = text[:EDGE] + "\n" + text[-EDGE:] if len(text) > 2 * EDGE else text
    return Document(text, title=_first_line(text) or name_as_title(name), author=find_author(edges), date=find_date(edges))


def _first_line(text: str) -> str:
    """Returns the first line if it looks like a title (short, not a sentence, followed by a blank line); otherwise ""."""
    first, _, rest = text[:EDGE].lstrip("\n" + BYTE_ORDER_MARK).partition("\n")
    first = first.strip()
    is_title = 3 <= len(first) <= 120 and not first.endswith((".", ",", ";", ":", "!")) and first[0].isalnum()
    return first if is_title and rest.startswith("\n") else ""


def parse_subtitles(data: bytes, name: str) -> Document:
    """Parses subtitles. Sentences that run over several cues are joined, and so is what one speaker says without a pause.

    Source: W3C, WebVTT, section 4 (syntax).

    Raises:
        ReadError: The file has no subtitles.
    """
    parts: list[str] = []
    anchors, blocks, at = [], [], 0
    for cue in _joined_cues(_cues(canonical(decode(data)))):
        label = f"{cue.speaker}: " if cue.speaker else ""
        parts.append(f"{label}{cue.words}")
        anchors.append(Anchor(at, _clock(cue.start)))
        end = at + len(label) + len(cue.words)
        blocks.append(Block("entry", at, end, label_end=at + len(label) if label else 0))
        at = end + 2
    if not blocks:
        raise ReadError("it has no subtitles", "if it is plain text, change its extension to .txt")
    text = "\n\n".join(parts)
    return Document(
        text,
        name_as_title(name),
        date=find_date(text[:EDGE]),
        anchors=tuple(anchors),
        media_type="text/vtt",
        blocks=tuple(blocks),
    )


def _cues(text: str) -> Iterator[_Cue]:
    """Yields the cues of a file that have words."""
    for group in re.split(r"\n(?:[ \t]*\n)+", text):
        lines = group.split("\n")
        n = next((n for n, line in enumerate(lines[:3]) if _TIMING.match(line.strip())), None)
        if n is None:
            continue
        times = _TIMING.match(lines[n].strip())
        assert times is not None
        shown = "\n".join(lines[n + 1 :])
        voice = _VOICE.search(shown)
        words = html.unescape(" ".join(_TAG.sub("", _VOICE.sub("", shown)).split()))
        named = _NAMED.match(words) if not voice else None
        speaker = voice.group(1).strip() if voice else named.group(1).strip() if named else ""
        words = words[named.end() :] if named else words
        if words:
            yield _Cue(_seconds(times.groups()[:4]), _seconds(times.groups()[4:]), speaker, words)


def _joined_cues(cues: Iterator[_Cue]) -> Iterator[_Cue]:
    """Joins cues to what one speaker says. Where speakers are unknown, a sentence ends what is said."""
    pending: _Cue | None = None
    for cue in cues:
        if pending is None:
            pending = cue
            continue
        ends = pending.words.endswith(_SENTENCE_END)
        is_over = ends and (not pending.speaker or len(pending.words) > _LONG)
        changes = bool(cue.speaker) and cue.speaker != pending.speaker
        is_over = is_over or len(pending.words) > _LONGEST or (ends and cue.start - pending.end > _PAUSE_S)
        if changes or is_over:
            yield pending
            pending = cue
        else:
            pending = _Cue(pending.start, cue.end, pending.speaker, f"{pending.words} {cue.words}")
    if pending is not None:
        yield pending


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + fraction / 1000


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
