"""Characters that look alike, and those that nobody sees: one list of each for prompts, quotations and the page."""

from __future__ import annotations

# Written by nobody who means to be read, but by those who hide words from readers: controls, joiners, overrides, tags.
_INVISIBLE = dict.fromkeys(
    [*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0xAD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5,
     *range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164,
     *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFFC), *range(0x1D173, 0x1D17B),
     *range(0xE0000, 0xE1000)]
)  # fmt: skip

_ALIKE = {"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'", "`": "'",
          "´": "'", "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "―": "-", "−": "-"}  # fmt: skip
_NORMAL = {**_INVISIBLE, **{ord(odd): plain for odd, plain in _ALIKE.items()}}
for _break in (0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x1F, 0x85):
    del _NORMAL[_break]  # white space, for whoever compares


def visible(text: str) -> str:
    """The text without characters that nobody sees."""
    return text.translate(_INVISIBLE)


def alike(text: str) -> str:
    r"""The text with quotation marks and dashes made plain, and without what nobody sees; white space is left as it is.

    Example:
        >>> alike("“so­called” – it’s")
        '"socalled" - it\'s'
    """
    return text.translate(_NORMAL)
