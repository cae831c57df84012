"""Creates the markup for questions, answers and the page's header. Has no side effects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from rag.answering.extraction import closest_sentence
from rag.answering.verification.answer_check import MARKER
from rag.records import Answer, Citation, Flag, Hit
from rag.server.page.views.markup import escaped, one_line
from rag.text.terms import located_terms, terms

_CLOSEST_HITS = 3  # number of passages listed when the documents do not answer the question
_EXCERPT_CHARACTERS = 160  # shown per passage
# A citation marker and the white space before it. The lookbehind keeps matching fast in long runs of spaces.
_SPACED_MARKER = re.compile(rf"(?<![ \t])[ \t]*(?:{MARKER.pattern})", re.IGNORECASE)
VERDICTS = {  # verdict → its wording on the page
    "exact": "✓ exact quotation",
    "normalised": "✓ differs only in spacing, quotation marks or dashes",
    "supported": "✓ supported by the source",
    "weak": "≈ not fully supported by the source",
    "misattributed": "✗ this quotation is not in the cited document but in another one",
    "not found": "✗ this quotation is not in your documents",
    "uncited": "no source given",
    "unknown marker": "✗ there is no source with this number",
}
_ACTIONS = (  # id prefix (which tells page.js the action), label, tooltip
    ("copy", "Copy", "Copy the answer with its sources"),
    ("retry", "Retry", "Ask the question again"),
    ("edit", "Edit", "Edit the question and ask it again"),
    ("good", "Helpful", "This answer is correct"),
    ("bad", "Not helpful", "This answer is wrong: enter what it should say"),
)
_TOOLS = (  # id, label, tooltip
    ("fold", "Conversations", "Show or hide the conversation list"),
    ("theme", "Theme", "Switch between the light and the dark theme"),
    ("help", "Shortcuts", "Show or hide the keyboard shortcuts (?)"),
)


def question_markup(question: str) -> str:
    """Returns a question as it appears in the conversation."""
    return f'<div class="asked">{escaped(question)}</div>'


def reading_markup(titles: Iterable[str]) -> str:
    """Returns the placeholder that is shown after passages have been found, until the first word of the answer arrives."""
    names = ", ".join(titles)
    return f'<div class="answer"><p class="about">Reading {escaped(names)}…</p></div>' if names else "…"


def partial_answer_markup(text: str) -> str:
    """Returns an answer that is still being written. Its citation markers are unchecked, so each is shown as a dot."""
    return f'<div class="answer"><p class="said">{escaped(MARKER.sub("·", text))}</p></div>'


def failure_markup(message: str) -> str:
    """Returns the message that is shown in place of an answer if the question could not be answered."""
    return f'<div class="answer problem"><p class="said">{escaped(message)}</p></div>'


def answer_markup(turn: int, answer: Answer) -> str:
    """Returns a finished answer. Its text, with citations and flags, is followed by the verdict and the action buttons.

    Args:
        turn: The number of the exchange in its conversation, starting at 1.
        answer: The answer.
    """
    parts = []
    if answer.searched:
        parts.append(f'<p class="about">{escaped(f"understood as: {answer.searched}")}</p>')
    if answer.notice:
        parts.append(f'<p class="notice">{escaped(answer.notice)}</p>')
    parts.append(f'<p class="said">{_text_markup(turn, answer)}</p>')
    if answer.status == "abstained" and answer.hits:
        parts.append(_closest_markup(turn, answer))
    parts.append(f'<p class="verdict">{escaped(verdict_line(answer))}</p>')
    parts.append(f'<span class="acts">{_action_buttons(turn)}</span>')
    return f'<div class="answer {answer.status}">{"".join(parts)}</div>'


def _text_markup(turn: int, answer: Answer) -> str:
    """Returns the answer's text, with a numbered link after each cited claim.

    Flagged words are underlined and followed by the reason for the flag.
    """
    chips: dict[int, list[Citation]] = {}  # offset in the text → the citations of the claims that end at that offset
    for citation in answer.citations:
        chips.setdefault(citation.answer_end, []).append(citation)
    located_flags = [flag for flag in answer.flags if flag.answer_start < flag.answer_end]
    flag_bounds = (offset for flag in located_flags for offset in (flag.answer_start, flag.answer_end))
    shorts = _shorts(answer)
    parts, start = [], 0
    for end in sorted({*chips, *flag_bounds, *(offset for short in shorts for offset in short), len(answer.text)}):
        text = escaped(_SPACED_MARKER.sub("", answer.text[start:end]).rstrip(" \t"))
        if text and (start, end) in shorts:
            text = f'<b class="short">{text}</b>'
        if text and any(flag.answer_start < end and start < flag.answer_end for flag in located_flags):
            text = f'<span class="doubted">{text}</span>'
        parts.append(text)
        parts += [_chip(turn, citation) for citation in chips.get(end, ())]
        parts += [_flag_markup(flag) for flag in located_flags if flag.answer_end == end]
        is_within_words = not any(map(str.isspace, answer.text[end - 1 : end + 1])) and end not in chips
        parts.append("" if is_within_words and any(end in short for short in shorts) else " ")
        start = end
    parts += [_flag_markup(flag) for flag in answer.flags if flag not in located_flags]
    return "".join(parts).strip()


def _shorts(answer: Answer) -> list[tuple[int, int]]:
    """Returns where the words that answer are in the answer's text, for citations whose claim is the quote."""
    found = []
    for citation in answer.citations:
        start, end = citation.short_in_quote
        if end and answer.text[citation.answer_start : citation.answer_end] == citation.quote:
            found.append((citation.answer_start + start, citation.answer_start + end))
    return found


def _chip(turn: int, citation: Citation) -> str:
    """Returns a citation's number as a link to the cited characters in the source panel."""
    tooltip = one_line(f"{citation.title}: {citation.quote[:200]}")
    return f'<sup><a class="chip" href="#c{turn}-{citation.n}" title="{tooltip}">{citation.n}</a></sup>'


def _flag_markup(flag: Flag) -> str:
    note = f" ({flag.note})" if flag.note else ""
    return f' <span class="flag">{escaped(f"{VERDICTS[flag.verdict]}{note}")}</span>'


def verdict_line(answer: Answer) -> str:
    """Returns a line of plain text that says how the answer was produced and what was checked."""
    if answer.status == "incomplete" and not answer.hits:
        return "not checked"
    checked, is_generated = len(answer.citations), answer.model != "extraction"
    facts = []
    if checked:
        facts.append(f"✓ {checked} citation{'s' * (checked != 1)} checked")
    elif is_generated and answer.status != "abstained":
        facts.append("no source given")
    if answer.flags:
        facts.append(f"✗ {len(answer.flags)} problem{'s' * (len(answer.flags) != 1)} found")
    if read := answer.read or len(answer.hits):
        facts.append(f"{read} passage{'s' * (read != 1)} read")
    facts.append(f"{answer.timings_ms.get('total', 0.0) / 1000:.1f} s")
    if is_generated:
        facts.append(answer.model)
    elif checked:
        facts.append("quoted word for word")
    return " · ".join(facts)


def closest_hits(answer: Answer) -> Sequence[Hit]:
    """Returns the passages to list below an abstention, or no passages if the question was answered."""
    return answer.hits[:_CLOSEST_HITS] if answer.status == "abstained" else ()


def _closest_markup(turn: int, answer: Answer) -> str:
    """Returns the closest passages, each followed by the words of the question that it does not contain."""
    items = []
    for n, hit in enumerate(closest_hits(answer), start=1):
        text = " ".join(closest_sentence(hit).text.split())
        excerpt = f"{text[:_EXCERPT_CHARACTERS]}…" if len(text) > _EXCERPT_CHARACTERS else text
        title = one_line(hit.title)
        link = f'<a class="chip near" href="#h{turn}-{n}" title="{title}">{title}</a>'
        lacks = f'<span class="lacks">{escaped(_missing_words(answer, hit))}</span>'
        items.append(f'<li>{link} <span class="near">{escaped(excerpt)}</span> {lacks}</li>')
    return f'<p class="about">Closest passages:</p><ul class="closest">{"".join(items)}</ul>'


def _missing_words(answer: Answer, hit: Hit) -> str:
    present = set(terms(f"{hit.title} {hit.heading} {hit.text}"))
    question = answer.searched or answer.question
    missing = [_word_at(question, start) for start, term in located_terms(question) if term not in present]
    if missing:
        return f"does not mention {', '.join(dict.fromkeys(missing[:4]))}"
    return "contains the words of the question, but not the answer"


def _word_at(text: str, start: int) -> str:
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] in "'’-"):
        end += 1
    return text[start : max(end, start + 1)]


def _action_buttons(turn: int) -> str:
    return "".join(
        f'<button class="act" type="button" id="{action}-{turn}" title="{tooltip}">{label}</button>'
        for action, label, tooltip in _ACTIONS
    )


def header_markup(summary: str, addresses: Mapping[str, str], user: str = "") -> str:
    """Returns the page's header.

    Args:
        summary: Text that says how many documents the library contains.
        addresses: Maps each kind of text that leaves this machine to the address to which it is sent.
        user: The name of the logged-in user; empty if no login is required.
    """
    sent = [f"{what} sent to {address}" for what, address in addresses.items()]
    facts = " · ".join((summary, *(sent or ["answers are quoted from your documents", "nothing leaves this machine"])))
    logout = f'<a class="open" href="/logout">Log out ({one_line(user)})</a>' if user else ""
    tools = "".join(
        f'<button class="act" type="button" id="{tool}" title="{tooltip}">{label}</button>'
        for tool, label, tooltip in _TOOLS
    )
    brand = f'<h1 class="brand">rag</h1><span class="about">{escaped(facts)}</span>'
    return f'<div class="head">{brand}<span class="tools">{tools}{logout}</span></div>'


FIRST_STEPS = (
    '<div class="examples"><button class="example" type="button" id="to-documents">Add documents</button>'
    '<button class="example" type="button" id="to-sample">Add sample document</button>'
    '<span class="about">to see how rag cites its sources</span></div>'
)


def examples_markup(questions: Sequence[str]) -> str:
    """Returns example questions as buttons."""
    buttons = "".join(f'<button class="example" type="button">{escaped(question)}</button>' for question in questions)
    return f'<div class="examples"><span class="about">For example:</span> {buttons}</div>' if buttons else ""
