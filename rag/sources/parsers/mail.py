"""Parses email (EML, MBOX, MSG). Each message and attachment becomes a document. Only this module imports oxmsg."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage, MIMEPart
from email.policy import default
from email.utils import parseaddr, parsedate_to_datetime

from rag.errors import ReadError
from rag.records import Document, Failure
from rag.sources.decoding.mail_threads import linked
from rag.sources.decoding.text import canonical, decode, name_as_title
from rag.sources.decoding.xhtml import html_tree, text_of
from rag.sources.parsers.attachments import base_name, with_attachments
from rag.sources.records import ParsedFile
from rag.text.blocks import recognised

MEDIA_TYPE = "message/rfc822"
_LONGEST_HEADER = 20_000  # code points; the standard library takes seconds to decode a header of a million
_MAX_ATTACHMENTS = 200  # maximum number per message
_FROM_LINE = re.compile(
    rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]{1,200}\b\d\d:\d\d[^\r\n]{0,40}\b\d{4}[^\r\n]{0,40}\r?\n"
)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Message:
    """An email message from a file in any of the three formats (EML, MBOX, MSG)."""

    subject: str
    sender: str
    to: str
    date: str  # in ISO 8601 format; "" if unknown
    body: str
    attachments: tuple[tuple[str, bytes], ...]  # each as (name, bytes)


def parse(data: bytes, name: str, depth: int = 0) -> ParsedFile:
    """Parses one message (EML).

    Raises:
        ReadError: The file is not an email message.
    """
    message = message_from_bytes(data, policy=default)
    if not message.keys():
        raise ReadError(
            "it is not an email message: it has no headers", "export the message from your email application again"
        )
    return _as_documents(_converted(message), name, "", depth, data)


def parse_mailbox(data: bytes, name: str, depth: int = 0) -> ParsedFile:
    """Parses a mailbox (MBOX): each message becomes a document, in which quotations of the others are numbered.

    Raises:
        ReadError: The file contains no message.
    """
    starts = [found.span() for found in _FROM_LINE.finditer(data)]
    if not starts:
        return parse(data, name, depth)
    documents: list[Document] = []
    messages: dict[int, str] = {}  # index among the documents → number in the mailbox
    failed: list[Failure] = []
    for n, (_, begin) in enumerate(starts, start=1):
        end = starts[n][0] if n < len(starts) else len(data)
        raw = _QUOTED_FROM.sub(rb"\1", data[begin:end])
        try:
            parsed = _as_documents(_converted(message_from_bytes(raw, policy=default)), name, str(n), depth, raw)
        except ReadError as error:
            failed.append(Failure(str(n), str(error), error.hint))
            continue
        own, *attached = parsed.documents
        messages[len(documents)] = str(n)
        documents += [replace(own, blocks=tuple(recognised(own.text, markdown=False))), *attached]
        failed += parsed.failed
    for at, message in zip(messages, linked([documents[at] for at in messages], list(messages.values())), strict=True):
        documents[at] = message
    return ParsedFile(tuple(documents), tuple(failed))


def parse_outlook(data: bytes, name: str, depth: int = 0) -> ParsedFile:
    """Parses a message saved by Outlook (MSG).

    Raises:
        ReadError: The file is damaged.
    """
    from oxmsg import Message

    try:
        message = Message.load(io.BytesIO(data))
        headers = {key.lower(): value for key, value in (message.message_headers or {}).items()}
        body = message.body or (text_of(html_tree(message.html_body)) if message.html_body else "")
        to = "; ".join(filter(None, (_full_name(one.name, one.email_address) for one in message.recipients)))
        attachments = [
            (one.file_name or "attachment", one.file_bytes)
            for one in message.attachments[:_MAX_ATTACHMENTS]
            if one.file_bytes
        ]
        sent = message.sent_date.date().isoformat() if message.sent_date else _day(headers.get("date", ""))
        sender = str(make_header(decode_header(message.sender or "")))
        converted = _Message(
            subject=(message.subject or "").strip("\0 "),
            sender=sender,
            to=to,
            date=sent,
            body=body,
            attachments=tuple(attachments),
        )
    except Exception as error:  # olefile and oxmsg raise many kinds of errors on a damaged file
        raise ReadError(
            f"the Outlook message cannot be parsed ({type(error).__name__})", "save the message as EML"
        ) from error
    return _as_documents(converted, name, "", depth, data)


def _converted(message: EmailMessage) -> _Message:
    return _Message(
        subject=_header(message, "subject"),
        sender=_header(message, "from"),
        to=_header(message, "to"),
        date=_day(_header(message, "date")),
        body=_body(message),
        attachments=tuple(list(_attachments(message))[:_MAX_ATTACHMENTS]),
    )


def _header(message: EmailMessage, name: str) -> str:
    raw = next((value for key, value in message.raw_items() if key.lower() == name), "")
    try:
        value = message.get(name, "") if len(raw) <= _LONGEST_HEADER else raw
        return " ".join(str(value).split())
    except Exception:  # the header parser raises many kinds of errors on malformed headers
        return " ".join(str(raw).split())


def _body(message: EmailMessage) -> str:
    try:
        part = message.get_body(("plain", "html"))
    except Exception:  # malformed headers raise many kinds of errors here too
        part = None
    if part is None:
        part = next((one for one in message.walk() if one.get_content_type() in ("text/plain", "text/html")), None)
    text = _text(part) if part is not None else ""
    if not text.strip() and (other := next((p for p in message.walk() if p.get_content_type() == "text/html"), None)):
        text = _text(other)
    return text


def _text(part: MIMEPart) -> str:
    raw = _payload(part)
    charset = part.get_content_charset() or ""
    try:
        text = raw.decode(charset) if charset else decode(raw)
    except (LookupError, UnicodeDecodeError, ReadError):
        text = raw.decode("utf-8", errors="replace")
    if part.get_content_type() != "text/html":
        return text
    try:
        return text_of(html_tree(text))
    except ReadError:
        return ""


def _payload(part: MIMEPart) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _attachments(message: EmailMessage) -> Iterator[tuple[str, bytes]]:
    for part in message.walk():
        kind, is_attached = part.get_content_type(), part.get_content_disposition() == "attachment"
        if part is message:
            continue
        if kind == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], MIMEPart):
                yield (part.get_filename() or "message.eml"), inner[0].as_bytes()
        elif not part.is_multipart() and (is_attached or part.get_filename()):
            yield (part.get_filename() or f"attachment.{kind.rpartition('/')[2]}"), _payload(part)


def _as_documents(message: _Message, name: str, part: str, depth: int, raw: bytes) -> ParsedFile:
    """Returns the message as a document, followed by the documents from its attachments."""
    head = [
        f"{label}: {value}"
        for label, value in (
            ("Subject", message.subject),
            ("From", message.sender),
            ("To", message.to),
            ("Date", message.date),
        )
        if value
    ]
    attachments = [(base_name(declared, "attachment"), data) for declared, data in message.attachments]
    names = [declared for declared, _ in attachments]
    if names:
        head.append(f"Attached: {', '.join(names)}")
    text = canonical("\n".join(head) + "\n\n" + message.body.strip()).replace("\0", "")
    title = canonical(message.subject) or name_as_title(name)
    metadata = {"from": message.sender, "to": message.to, "attachments": "; ".join(names)}
    sender = parseaddr(message.sender)
    own = Document(
        text,
        title=title,
        author=canonical(sender[0] or sender[1] or message.sender),
        date=message.date,
        media_type=MEDIA_TYPE,
        metadata={key: canonical(value) for key, value in metadata.items() if value},
        source=part,
        content_hash=hashlib.sha256(raw).hexdigest(),
    )
    return with_attachments(own, attachments, depth)


def _full_name(name: str, address: str) -> str:
    return f"{name} <{address}>" if name and address and name != address else name or address


def _day(text: str) -> str:
    try:
        return parsedate_to_datetime(text).date().isoformat()
    except (TypeError, ValueError, OverflowError):
        return ""
