"""What the page shows, made from records: pure functions to Markdown, without Gradio.

Everything that comes from documents, file names, questions or models is untrusted: it passes `escaped`, and nothing else
becomes markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.characters import visible
from rag.check import MARKER
from rag.records import Answer, Citation, Document, DocumentInfo, Flag, Hit

_LISTED = 100  # documents; those that could not be read first
_AROUND = 1_500  # code points shown on either side of a citation
# Everything that Markdown, HTML or a linkifier could read as more than itself.
_SPECIAL = re.compile(r"[!-/:-@\[-`{-~]")
# Embedding and override marks make text read in another order than it is stored in.
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F])
_MARKED = re.compile(rf"(?<![ \t])[ \t]*(?:{MARKER.pattern})", re.IGNORECASE)  # a run of spaces is looked at once
_WORDS = {
    "exact": "checked: these are the document’s own words",
    "normalised": "checked: differs only in spacing, quotes or dashes",
    "supported": "checked: the source says this in its own words",
    "weak": "≈ the source doesn’t quite say this",
    "misattributed": "✗ these words are in another document",
    "not found": "✗ this quotation is not in your documents",
    "uncited": "no source given",
    "unknown marker": "✗ this source was not among those shown",
}


def escaped(text: str) -> str:
    r"""Text that Markdown shows as it stands, whatever is in it.

    Example:
        >>> escaped("<b>*hi*</b>\nthere")
        '&#60;b&#62;&#42;hi&#42;&#60;&#47;b&#62;<br>there'
    """
    clean = visible(text).translate(_BIDI)
    return _SPECIAL.sub(lambda m: f"&#{ord(m.group())};", clean).replace("\n", "<br>")


def chip(turn: int, citation: Citation) -> str:
    """A citation in an answer: a small number that leads to the cited characters in the source beside it."""
    about = escaped(f"{citation.title}: {citation.quote[:200]}").replace("<br>", " ")
    return f'<sup><a class="chip" href="#c{turn}-{citation.n}" title="{about}">{citation.n}</a></sup>'


def writing(text: str) -> str:
    """An answer that is still being written: its markers are neutral until they are checked."""
    return escaped(MARKER.sub("·", text))


_VERDICT = '<span class="verdict">{}</span>'


def unfinished(shown: str) -> str:
    """An answer that its reader stopped, as it was shown so far."""
    return f"{shown}\n\n{_VERDICT.format('stopped before it was checked')}"


def is_whole(shown: str) -> bool:
    """Whether an answer that is shown has its last line."""
    return _VERDICT.split("{")[0] in shown


def answer(turn: int, given: Answer) -> str:
    """A whole answer: text with its citations, and one line that says how far it can be trusted."""
    parts, at = [], 0
    by_end: dict[int, list[Citation]] = {}
    for citation in given.citations:
        by_end.setdefault(citation.answer_end, []).append(citation)
    for end in sorted(by_end):
        parts.append(escaped(_MARKED.sub("", given.text[at:end]).rstrip()))
        parts.append("".join(chip(turn, citation) for citation in by_end[end]))
        parts.append(" ")
        at = end
    parts.append(escaped(_MARKED.sub("", given.text[at:]).strip()))
    lines = ["".join(parts).strip(), _VERDICT.format(escaped(verdict_line(given)))]
    if given.searched:
        lines.insert(0, f'<span class="about">{escaped(f"understood as: {given.searched}")}</span>')
    if given.status == "abstained" and given.hits:
        lines.insert(-1, _closest(given.hits))
    lines += [f"<span class='flag'>⚑ {escaped(_flagged(f))}</span>" for f in given.flags]
    return "\n\n".join(lines)


def _flagged(flag: Flag) -> str:
    note = f" ({flag.note})" if flag.note else ""
    return f"{_WORDS[flag.verdict]}{note}: {flag.said[:200]}"


def verdict_line(given: Answer) -> str:
    """How an answer came about and what was checked, for people."""
    seconds = given.timings_ms.get("total", 0.0) / 1000
    if given.status == "abstained":
        return f"{len(given.hits)} passages read · {seconds:.1f} s"
    checked = len(given.citations)
    said = f"✓ {checked} citation{'s' * (checked != 1)} checked · {seconds:.1f} s · {given.model}"
    return f"{given.notice} · {said}" if given.notice else said


def _closest(hits: Sequence[Hit]) -> str:
    lines = [f"* {escaped(hit.title)}: {escaped(' '.join(hit.text.split())[:160])}…" for hit in hits[:3]]
    return "Closest:\n\n" + "\n".join(lines)


def sources(turn: int, cited: Sequence[tuple[Document, Sequence[Citation]]]) -> str:
    """The cited documents with the exact characters marked, for the panel beside the answer."""
    shown = []
    for document, citations in cited:
        in_order = sorted(citations, key=lambda c: c.start)
        facts = [document.date, document.author, document.source, in_order[0].locator]
        about = " · ".join(escaped(fact) for fact in facts if fact)
        # The span keeps a text that begins with spaces from being read as code.
        text = f'<span class="text">{_marked(turn, document.text, in_order)}</span>'
        shown.append(f'### {escaped(document.title)}\n\n<span class="about">{about}</span>\n\n{text}')
    return "\n\n".join(shown)


def _marked(turn: int, text: str, cited: Sequence[Citation]) -> str:
    """The text around some citations, each citation's characters marked, gaps shown by an ellipsis."""
    parts, at = [], 0
    for citation in cited:
        begin = max(at, citation.start - _AROUND)
        if begin > at:
            if at:
                parts.append(escaped(text[at : min(begin, at + _AROUND)]))
            parts.append(" … ")
        start = max(at, citation.start)  # two claims may rest on the same words
        parts.append(escaped(text[max(at, begin) : start]))
        parts.append(f'<mark id="c{turn}-{citation.n}" class="cited">{escaped(text[start : citation.end])}</mark>')
        at = max(at, citation.end)
    parts.append(escaped(text[at : at + _AROUND]) + (" …" if at + _AROUND < len(text) else ""))
    return "".join(parts)


def documents(infos: Sequence[DocumentInfo]) -> str:
    """The document list, or its first part."""
    if not infos:
        return "No documents yet. Put files into the folder named in `rag.toml`, or run `rag add FILE`."
    shown = sorted(infos, key=lambda info: info.state != "failed")[:_LISTED] if len(infos) > _LISTED else infos
    lines = []
    for info in shown:
        state = f"✗ {escaped(info.error)}" if info.state == "failed" else f"{info.passages:,} passages · {info.state}"
        title = escaped(info.title or info.source)
        about = " · ".join([escaped(info.source), escaped(info.date) or "no date", state])
        lines.append(f'* **{title}**  \n  <span class="about">{about}</span>')
    if len(infos) > len(shown):
        lines.append(f"* … and {len(infos) - len(shown):,} more; `rag ls` lists them all")
    return "\n".join(lines)


def where_data_goes(addresses: dict[str, str]) -> str:
    """One line for the head of the page."""
    if not addresses:
        return "answers by extraction · nothing leaves this machine"
    return " · ".join(f"{what} go to {escaped(host)}" for what, host in addresses.items())
