"""What an answer looks like on the page: pure functions from records to markup, without Gradio.

Everything that comes from documents, file names, questions or models is untrusted: it passes `escaped`, and nothing else
becomes markup. Blocks hold no empty line, so that Markdown takes each as one piece of HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from rag.answering.answer_check import MARKER
from rag.records import Answer, Citation, Flag, Hit
from rag.text.terms import located_terms, terms
from rag.text.unicode_text import visible

_CLOSEST = 3  # passages shown where nothing answers
_SHOWN = 160  # code points of each
# Everything that Markdown, HTML or a linkifier could read as more than itself.
_SPECIAL = re.compile(r"[!-/:-@\[-`{-~]")
# Embedding and override marks make text read in another order than it is stored in.
BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F])
_MARKED = re.compile(rf"(?<![ \t])[ \t]*(?:{MARKER.pattern})", re.IGNORECASE)  # a run of spaces is looked at once
WORDS = {
    "exact": "✓ the document’s own words",
    "normalised": "✓ differs only in spacing, quotes or dashes",
    "supported": "✓ the source says this in its own words",
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
    clean = visible(text).translate(BIDI)
    return _SPECIAL.sub(lambda m: f"&#{ord(m.group())};", clean).replace("\n", "<br>")


def one_line(text: str) -> str:
    """Text for an attribute, or wherever a line must stay one."""
    return escaped(" ".join(text.split()))


def asked(question: str) -> str:
    """A question as it stands in the conversation."""
    return f'<div class="asked">{escaped(question)}</div>'


def reading(titles: Iterable[str]) -> str:
    """What is shown between a question and the first word of its answer."""
    names = ", ".join(titles)
    return f'<div class="answer"><p class="about">reading {escaped(names)}…</p></div>' if names else "…"


def writing(text: str) -> str:
    """An answer that is still being written: its markers are neutral until they are checked."""
    return f'<div class="answer"><p class="said">{escaped(MARKER.sub("·", text))}</p></div>'


def problem(words: str) -> str:
    """What is said in place of an answer."""
    return f'<div class="answer problem"><p class="said">{escaped(words)}</p></div>'


def answer(turn: int, given: Answer) -> str:
    """A whole answer: text with its citations, what does not stand, how it was checked, and what can be done with it."""
    parts = []
    if given.searched:
        parts.append(f'<p class="about">{escaped(f"understood as: {given.searched}")}</p>')
    if given.notice:
        parts.append(f'<p class="notice">{escaped(given.notice)}</p>')
    parts.append(f'<p class="said">{_said(turn, given)}</p>')
    if given.status == "abstained" and given.hits:
        parts.append(_closest(turn, given))
    parts.append(f'<p class="verdict">{escaped(verdict_line(given))}</p>')
    parts.append(_acts(turn))
    return f'<div class="answer {given.status}">{"".join(parts)}</div>'


def _said(turn: int, given: Answer) -> str:
    """The text, each citation a chip where its claim ends; what did not pass stands out, with what is wrong with it."""
    chips: dict[int, list[Citation]] = {}
    for citation in given.citations:
        chips.setdefault(citation.answer_end, []).append(citation)
    flags = [flag for flag in given.flags if flag.answer_start < flag.answer_end]
    ends = sorted({*chips, *(at for flag in flags for at in (flag.answer_start, flag.answer_end)), len(given.text)})
    parts, at = [], 0
    for end in ends:
        text = escaped(_MARKED.sub("", given.text[at:end]).rstrip(" \t"))
        if text and any(flag.answer_start < end and at < flag.answer_end for flag in flags):
            text = f'<span class="doubted">{text}</span>'
        parts.append(text)
        parts += [chip(turn, citation) for citation in chips.get(end, ())]
        parts += [_flagged(flag) for flag in flags if flag.answer_end == end]
        parts.append(" ")
        at = end
    parts += [_flagged(flag) for flag in given.flags if flag not in flags]
    return "".join(parts).strip()


def chip(turn: int, citation: Citation) -> str:
    """A citation in an answer: a small number that leads to the cited characters in the source beside it."""
    about = one_line(f"{citation.title}: {citation.quote[:200]}")
    return f'<sup><a class="chip" href="#c{turn}-{citation.n}" title="{about}">{citation.n}</a></sup>'


def _flagged(flag: Flag) -> str:
    note = f" ({flag.note})" if flag.note else ""
    return f' <span class="flag">{escaped(f"{WORDS[flag.verdict]}{note}")}</span>'


def verdict_line(given: Answer) -> str:
    """How an answer came about and what was checked, for people."""
    if given.status == "incomplete" and not given.hits:
        return "not checked"
    checked, by_model = len(given.citations), given.model != "extraction"
    facts = []
    if checked:
        facts.append(f"✓ {checked} citation{'s' * (checked != 1)} checked")
    elif by_model and given.status != "abstained":
        facts.append("no source given")
    if given.flags:
        facts.append(f"✗ {len(given.flags)} to look at")
    if read := given.read or len(given.hits):
        facts.append(f"{read} passage{'s' * (read != 1)} read")
    facts.append(f"{given.timings_ms.get('total', 0.0) / 1000:.1f} s")
    if by_model:
        facts.append(given.model)
    elif checked:
        facts.append("quoted word for word")
    return " · ".join(facts)


def _closest(turn: int, given: Answer) -> str:
    """The nearest passages, each with what it lacks."""
    lines = []
    for n, hit in enumerate(given.hits[:_CLOSEST], start=1):
        text = " ".join(hit.text.split())
        cut = f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text
        link = f'<a class="chip near" href="#h{turn}-{n}" title="{one_line(hit.title)}">{one_line(hit.title)}</a>'
        lines.append(
            f'<li>{link} <span class="near">{escaped(cut)}</span> <span class="lacks">{_lacking(given, hit)}</span></li>'
        )
    return f'<p class="about">Closest:</p><ul class="closest">{"".join(lines)}</ul>'


def _lacking(given: Answer, hit: Hit) -> str:
    there = set(terms(f"{hit.title} {hit.heading} {hit.text}"))
    question = given.searched or given.question
    missing = [_word(question, start) for start, term in located_terms(question) if term not in there]
    if missing:
        return escaped(f"does not mention {', '.join(dict.fromkeys(missing[:4]))}")
    return "has these words, but does not say it"


def _word(text: str, start: int) -> str:
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] in "'’-"):
        end += 1
    return text[start : max(end, start + 1)]


def _acts(turn: int) -> str:
    """What can be done with an answer. The script reads what is asked for from a button's id."""
    buttons = (
        ("copy", "Copy", "Copy the answer with its sources"),
        ("retry", "Retry", "Ask again"),
        ("edit", "Edit", "Change the question"),
        ("good", "Helpful", "This answer is right"),
        ("bad", "Not helpful", "This answer is wrong: say what it should have said"),
    )
    shown = "".join(
        f'<button class="act" type="button" id="{act}-{turn}" title="{title}">{label}</button>'
        for act, label, title in buttons
    )
    return f'<span class="acts">{shown}</span>'


def top(summary: str, addresses: Mapping[str, str], user: str = "") -> str:
    """The page's first line: what is here, where text goes, and who is logged in."""
    goes = [f"{what} go to {host}" for what, host in addresses.items()]
    facts = " · ".join((summary, *(goes or ["answers are quoted", "nothing leaves this machine"])))
    out = f'<a class="open" href="/logout">Log out {one_line(user)}</a>' if user else ""
    tools = "".join(
        f'<button class="act" type="button" id="{act}" title="{title}">{label}</button>'
        for act, label, title in (
            ("fold", "Conversations", "Show or hide the conversations"),
            ("theme", "Light or dark", "Change between light and dark"),
            ("help", "Keys", "Show the keys (?)"),
        )
    )
    brand = f'<h1 class="brand">rag</h1><span class="about">{escaped(facts)}</span>'
    return f'<div class="head">{brand}<span class="tools">{tools}{out}</span></div>'


def closest_hits(given: Answer) -> Sequence[Hit]:
    """The passages that an abstention names."""
    return given.hits[:_CLOSEST] if given.status == "abstained" else ()


FIRST_STEPS = (
    '<div class="examples"><button class="example" type="button" id="to-documents">Add documents</button>'
    '<button class="example" type="button" id="to-sample">Load the sample</button>'
    '<span class="about">to see how an answer shows its source</span></div>'
)


def examples(questions: Sequence[str]) -> str:
    """Questions to begin with, each a button."""
    buttons = "".join(f'<button class="example" type="button">{escaped(question)}</button>' for question in questions)
    return f'<div class="examples"><span class="about">For example:</span> {buttons}</div>' if buttons else ""
