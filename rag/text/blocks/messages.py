"""Recognises the messages in a mail or a thread of mails, their signatures, and the earlier mails that they quote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag.records import Block

# The labels that mail programs write above a message, in lower case.
_FROM = frozenset(
    """from von de da van fra från frå od от kimden gönderen lähettäjä expéditeur remitente mittente afzender avsender
    nadawca feladó odesílatel отправитель 差出人 发件人 發件人 寄件者 보낸사람""".split()
)
_DATE_OR_SUBJECT = frozenset(
    """date sent subject datum gesendet betreff envoyé objet fecha enviado asunto data inviato oggetto verzonden onderwerp
    sendt emne dato skickat ämne assunto wysłano temat odesláno předmět дата отправлено тема tarih konu lähetetty aihe
    elküldve tárgy 日時 件名 送信日時 日期 主题 主題 发送时间 날짜 제목""".split()
)
_LEAD_OF_QUOTATION = re.compile(r"[\d@<]")
_SHORT_NAME_WORDS = 4
_LONGEST_HEADER = 12  # lines
_RULES = ("---", "___", "===", "***")


def is_header(text: str, pairs: Sequence[Block]) -> bool:
    """Whether consecutive labelled lines are the header of a mail."""
    labels = {label_of(text, pair) for pair in pairs}
    return bool(labels & _FROM and labels & _DATE_OR_SUBJECT)


def label_of(text: str, block: Block) -> str:
    """Returns a block's label in lower case, without its colon; empty if it has none."""
    return "".join(text[block.start : block.label_end].casefold().split()).strip(":：*_") if block.label_end else ""


def headers(text: str, blocks: Sequence[Block]) -> Iterator[tuple[int, int]]:
    """Yields the indices of the first block of each mail header and of the block after it.

    A line such as "-----Original Message-----" above the labels is part of the header.
    """
    n = after = 0
    while n < len(blocks):
        stop = n
        while stop < len(blocks) and blocks[stop].kind == "pair":
            stop += 1
        if stop - n > 1 and is_header(text, blocks[n : min(stop, n + _LONGEST_HEADER)]):
            has_rule = n > after and _is_rule(_words(text, blocks[n - 1]))
            after = min(stop, n + _LONGEST_HEADER)
            yield n - has_rule, after
        n = max(stop, n + 1)


def _is_rule(words: str) -> bool:
    return words.startswith(_RULES) and "\n" not in words


def _words(text: str, block: Block) -> str:
    return text[block.start : block.end]


def body(text: str, header: Sequence[Block], blocks: Sequence[Block]) -> Iterator[Block]:
    """Yields the blocks of a message below its header, with its signature and what it quotes marked as such."""
    sender = next((text[pair.label_end : pair.end] for pair in header if label_of(text, pair) in _FROM), "")
    names = {word.casefold() for word in re.findall(r"[^\W\d_]+", sender)}
    signing = _signature_start(text, blocks, names)
    n = 0
    while n < len(blocks):
        block = blocks[n]
        following = blocks[n + 1] if n + 1 < len(blocks) else None
        if following is not None and following.kind == "quotation" and _introduces_quotation(text, block):
            yield Block("quotation", block.start, following.end)
            n += 2
            continue
        if n >= signing and block.kind in ("paragraph", "heading", "item", "pair"):
            yield Block("signature", block.start, block.end)
        else:
            yield block
        n += 1


def _introduces_quotation(text: str, block: Block) -> bool:
    words = _words(text, block)
    return block.kind in ("paragraph", "pair") and words.endswith((":", "：")) and bool(_LEAD_OF_QUOTATION.search(words))


def _signature_start(text: str, blocks: Sequence[Block], names: set[str]) -> int:
    """Returns the index of the first block of the signature, which is after a line "--" or consists of the sender's name.

    Source: RFC 3676, section 4.3 (the line "-- ").
    """
    own = [n for n, block in enumerate(blocks) if block.kind != "quotation"]
    for n in own:
        if _words(text, blocks[n]).split("\n", 1)[0].strip() == "--":
            return n
    for n in own[-2:]:
        words = re.findall(r"[^\W\d_]+", _words(text, blocks[n]).casefold())
        is_name = 0 < len(words) <= _SHORT_NAME_WORDS and all(
            word in names or any(len(word) <= 2 and name.startswith(word) for name in names) for word in words
        )
        if is_name:
            return n
    return len(blocks)


def message(header: Sequence[Block], blocks: Sequence[Block]) -> Block:
    """Returns the block that contains a message."""
    last = blocks[-1] if blocks else header[-1]
    return Block("message", header[0].start, last.end)


def quotations(blocks: Sequence[Block]) -> Iterator[tuple[int, int, int]]:
    """Yields what a mail quotes, in order: quotations, and the earlier messages below it.

    Args:
        blocks: The document's blocks.

    Yields:
        The block's index, and the span [start, end) of its text. If it contains another such block, the span ends there.
    """
    if not blocks or blocks[0].kind != "message":
        return
    found = [index for index, block in enumerate(blocks) if index and block.kind in ("quotation", "message")]
    for n, index in enumerate(found):
        following = blocks[found[n + 1]].start if n + 1 < len(found) else blocks[index].end
        yield index, blocks[index].start, min(blocks[index].end, following)


def as_plain(block: Block) -> Block:
    """Returns a block of a message's body: a short line there is a greeting or a name rather than a heading."""
    return replace(block, kind="paragraph", level=0) if block.kind == "heading" and not block.number else block
