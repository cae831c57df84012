"""Writes raised text, such as exponents and the marks of footnotes, so that it does not change the figure before it."""

from __future__ import annotations

_SUPERSCRIPTS = dict(zip("0123456789+-−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾", strict=True))


def raised(text: str) -> str:
    """Returns raised text in superscript characters. Letters, such as those of ordinals, and brackets stay as they are.

    Example:
        >>> [raised(text) for text in ("2", "-8", "th", "[3]", "2a")]
        ['²', '⁻⁸', 'th', '[3]', '^2a']
    """
    words = text.strip()
    if not any(map(str.isdigit, words)) or words[:1] in "[(":
        return text
    if all(character in _SUPERSCRIPTS for character in words):
        return "".join(_SUPERSCRIPTS[character] for character in words)
    return f"^{words}"


def footnote_mark(text: str) -> str:
    """Returns the mark of a footnote in brackets, as in "[3]".

    Example:
        >>> footnote_mark("3"), footnote_mark("[3]"), footnote_mark("*")
        ('[3]', '[3]', '*')
    """
    mark = text.strip()
    return f"[{mark}]" if mark[:1].isalnum() else mark
