"""Escapes untrusted text for the page, and sets short messages.

Text from documents, file names, questions and models is untrusted: it passes `escaped` or `one_line`, and nothing else
becomes markup. A block of markup holds no empty line, so that Markdown takes the block as one piece of HTML.
"""

from __future__ import annotations

import re

from rag.errors import RagError
from rag.text.unicode_text import strip_invisible

# Every ASCII character that Markdown, HTML or a linkifier could read as markup.
_SPECIAL = re.compile(r"[!-/:-@\[-`{-~]")


def escaped(text: str) -> str:
    r"""Returns text that Markdown and HTML show literally; invisible characters are removed.

    Example:
        >>> escaped("<b>*hi*</b>\nthere")
        '&#60;b&#62;&#42;hi&#42;&#60;&#47;b&#62;<br>there'
    """
    return _SPECIAL.sub(lambda m: f"&#{ord(m.group())};", strip_invisible(text)).replace("\n", "<br>")


def one_line(text: str) -> str:
    """Returns escaped text on one line, for attributes and table cells."""
    return escaped(" ".join(text.split()))


def note_markup(text: str) -> str:
    """Returns a line of status or explanation."""
    return f'<p class="about">{one_line(text)}</p>'


def error_markup(error: RagError | str) -> str:
    """Returns a line with an error and its hint."""
    text = f"{error}. {error.hint}" if isinstance(error, RagError) else error
    return f'<p class="flag">{one_line(text)}</p>'
