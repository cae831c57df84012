"""Escapes untrusted text for the page, and formats short messages.

Text from documents, file names, questions and models is untrusted, so it must pass through `escaped` or `one_line` before
it is inserted into markup. A block of markup must not contain empty lines, so that Markdown treats it as one HTML block.
"""

from __future__ import annotations

import re

from rag.errors import RagError
from rag.text.unicode_text import strip_invisible

# All ASCII characters that Markdown, HTML or a linkifier could interpret as markup.
_SPECIAL = re.compile(r"[!-/:-@\[-`{-~]")


def escaped(text: str) -> str:
    r"""Returns the text, escaped so that Markdown and HTML show it literally; invisible characters are removed.

    Example:
        >>> escaped("<b>*hi*</b>\nthere")
        '&#60;b&#62;&#42;hi&#42;&#60;&#47;b&#62;<br>there'
    """
    return _SPECIAL.sub(lambda m: f"&#{ord(m.group())};", strip_invisible(text)).replace("\n", "<br>")


def one_line(text: str) -> str:
    """Returns the text, escaped and on a single line, for use in attributes and table cells."""
    return escaped(" ".join(text.split()))


def note_markup(text: str) -> str:
    """Returns a line that shows a status or an explanation."""
    return f'<p class="about">{one_line(text)}</p>'


def error_markup(error: RagError | str) -> str:
    """Returns a line that shows an error and its hint."""
    text = f"{error}. {error.hint}" if isinstance(error, RagError) else error
    return f'<p class="flag">{one_line(text)}</p>'
