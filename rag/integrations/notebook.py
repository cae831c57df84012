"""Renders an answer as HTML for notebooks, which call `Answer._repr_html_`.

Text from documents, file names and models is untrusted, so it is escaped and placed only between tags, never in an
attribute. The markup contains no scripts, stylesheets, images or links, so it loads nothing.
"""

from __future__ import annotations

import html
from collections.abc import Iterator

from rag.records import Answer, Citation, Flag
from rag.text.unicode_text import strip_invisible

# Notebooks typeset formulas in output with MathJax. With these classes, it leaves text such as "$5 to $7" unchanged.
_NO_FORMULAS = "mathjax_ignore tex2jax_ignore"


def answer_html(answer: Answer) -> str:
    """Returns the answer's text with flagged claims highlighted, followed by its notice, flags and citations."""
    parts = [f'<p style="white-space:pre-wrap">{_marked_text(answer)}</p>']
    if answer.searched:
        parts.insert(0, f"<p><small>understood as: {_escaped(answer.searched)}</small></p>")
    if answer.notice:
        parts.append(f"<p><em>{_escaped(answer.notice)}</em></p>")
    if answer.flags:
        parts.append(f"<ul>{''.join(_flag_item(flag) for flag in answer.flags)}</ul>")
    if answer.citations:
        parts.append(f"<dl>{''.join(_citation_item(citation) for citation in answer.citations)}</dl>")
    parts.append(f"<p><small>{_escaped(f'{answer.status} · {answer.model}')}</small></p>")
    return f'<div class="rag-answer {_NO_FORMULAS}">{"".join(parts)}</div>'


def _marked_text(answer: Answer) -> str:
    return "".join(
        f"<mark>{_escaped(text)}</mark>" if is_flagged else _escaped(text) for text, is_flagged in _segments(answer)
    )


def _segments(answer: Answer) -> Iterator[tuple[str, bool]]:
    """Yields the answer's text in pieces, as pairs of the piece and whether a flag covers it."""
    bounds = {offset for flag in answer.flags for offset in (flag.answer_start, flag.answer_end)}
    start = 0
    for end in sorted({*bounds, len(answer.text)}):
        if text := answer.text[start:end]:
            yield text, any(flag.answer_start <= start and end <= flag.answer_end for flag in answer.flags)
        start = end


def _flag_item(flag: Flag) -> str:
    reason = f"{flag.verdict}: {flag.note}" if flag.note else flag.verdict
    return f"<li><mark>{_escaped(flag.said)}</mark> ({_escaped(reason)})</li>"


def _citation_item(citation: Citation) -> str:
    place = ", ".join(part for part in (citation.source, citation.locator) if part)
    title, about = _escaped(citation.title), _escaped(f"{place} ({citation.verdict})")
    return f"<dt>[{citation.n}] <strong>{title}</strong> {about}</dt><dd><q>{_escaped(citation.quote)}</q></dd>"


def _escaped(text: str) -> str:
    return html.escape(strip_invisible(text))
