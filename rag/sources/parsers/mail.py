"""Mail: EML, MBOX and Outlook's MSG. A message is a document, and so is what is attached to it. The home of oxmsg."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage, MIMEPart
from email.policy import default
from email.utils import parseaddr, parsedate_to_datetime

from rag.errors import ReadError
from rag.records import Document, Failure
from rag.sources.decoding.text import canonical, decode, name_as_title
from rag.sources.decoding.xhtml import parsed, text_of
from rag.sources.parsers.attachments import base_name, with_attached
from rag.sources.records import ParsedFile

MEDIA_TYPE = "message/rfc822"
_MOST_ATTACHED = 200  # of one message
_FROM_LINE = re.compile(
    rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]{1,200}\b\d\d:\d\d[^\r\n]{0,40}\b\d{4}[^\r\n]{0,40}\r?\n"
)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Message:
    """What all kinds of mail have."""

    subject: str
    sender: str
    to: str
    date: str  # ISO 8601, or ""
    body: str
    attached: tuple[tuple[str, bytes], ...]  # (name, bytes)


def read(data: bytes, name: str, within: int = 0) -> ParsedFile:
    """Reads one message (EML).

    Raises:
        ReadError: It is no message.
    """
    message = message_from_bytes(data, policy=default)
    if not message.keys():
        raise ReadError("it is no mail: it has no headers", "save it again from the mail program")
    return _taken(_parsed(message), name, "", within, data)


def read_box(data: bytes, name: str, within: int = 0) -> ParsedFile:
    """Reads a mailbox (MBOX): every message a document of its own.

    Raises:
        ReadError: There is no message in it.
    """
    starts = [found.span() for found in _FROM_LINE.finditer(data)]
    if not starts:
        return read(data, name, within)
    documents: list[Document] = []
    failed: list[Failure] = []
    for n, (_, begin) in enumerate(starts, start=1):
        end = starts[n][0] if n < len(starts) else len(data)
        raw = _QUOTED_FROM.sub(rb"\1", data[begin:end])
        try:
            taken = _taken(_parsed(message_from_bytes(raw, policy=default)), name, str(n), within, raw)
        except ReadError as error:
            failed.append(Failure(str(n), str(error), error.hint))
            continue
        documents += taken.documents
        failed += taken.failed
    return ParsedFile(tuple(documents), tuple(failed))


def read_outlook(data: bytes, name: str, within: int = 0) -> ParsedFile:
    """Reads a message that Outlook saved (MSG).

    Raises:
        ReadError: It is damaged.
    """
    from oxmsg import Message

    try:
        message = Message.load(io.BytesIO(data))
        headers = {key.lower(): value for key, value in (message.message_headers or {}).items()}
        body = message.body or (text_of(parsed(message.html_body)) if message.html_body else "")
        to = "; ".join(_name(one.name, one.email_address) for one in message.recipients)
        attached = [
            (one.file_name or "attachment", one.file_bytes)
            for one in message.attachments[:_MOST_ATTACHED]
            if one.file_bytes
        ]
        sent = message.sent_date.date().isoformat() if message.sent_date else _day(headers.get("date", ""))
        sender = str(make_header(decode_header(message.sender or "")))
        found = _Message((message.subject or "").strip("\0 "), sender, to, sent, body, tuple(attached))
    except Exception as error:  # a damaged file fails in many ways inside olefile and oxmsg
        raise ReadError(f"the message cannot be read ({type(error).__name__})", "save it as EML") from error
    return _taken(found, name, "", within, data)


def _parsed(message: EmailMessage) -> _Message:
    attached = list(_attached(message))[:_MOST_ATTACHED]
    return _Message(
        _header(message, "subject"), _header(message, "from"), _header(message, "to"), _day(_header(message, "date")),
        _body(message), tuple(attached),
    )  # fmt: skip


def _header(message: EmailMessage, name: str) -> str:
    try:
        value = message.get(name, "")
        return " ".join(str(value).split())
    except Exception:  # a header that breaks its own grammar fails in many ways inside the parser
        raw = next((value for key, value in message.raw_items() if key.lower() == name), "")
        return " ".join(str(raw).split())


def _body(message: EmailMessage) -> str:
    try:
        part = message.get_body(("plain", "html"))
    except Exception:  # as above
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
        return text_of(parsed(text))
    except ReadError:
        return ""


def _payload(part: MIMEPart) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _attached(message: EmailMessage) -> Iterator[tuple[str, bytes]]:
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


def _taken(message: _Message, name: str, part: str, within: int, raw: bytes) -> ParsedFile:
    """The message as a document, and those of what is attached to it."""
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
    attached = [(base_name(given, "attachment"), data) for given, data in message.attached]
    names = [given for given, _ in attached]
    if names:
        head.append(f"Attached: {', '.join(names)}")
    text = canonical("\n".join(head) + "\n\n" + message.body.strip()).replace("\0", "")
    title = canonical(message.subject) or name_as_title(name)
    about = {"from": message.sender, "to": message.to, "attachments": "; ".join(names)}
    sender = parseaddr(message.sender)
    own = Document(
        text, title, canonical(sender[0] or sender[1] or message.sender), message.date, media_type=MEDIA_TYPE,
        metadata={key: canonical(value) for key, value in about.items() if value}, source=part,
        content_hash=hashlib.sha256(raw).hexdigest(),
    )  # fmt: skip
    return with_attached(own, attached, within)


def _name(name: str, address: str) -> str:
    return f"{name} <{address}>" if name and address and name != address else name or address


def _day(words: str) -> str:
    try:
        return parsedate_to_datetime(words).date().isoformat()
    except (TypeError, ValueError, OverflowError):
        return ""
