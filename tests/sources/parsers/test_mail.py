"""Mail: messages, mailboxes and their attachments."""

from __future__ import annotations

import hashlib
import textwrap
from pathlib import Path

import pytest

from rag import Library
from rag.errors import ReadError
from rag.sources.parsers.mail import parse, parse_mailbox


@pytest.mark.process
def test_messages_and_attachments_are_documents_of_their_own(tmp_path: Path) -> None:
    """Each is named behind its holder, linked to it, and follows it: changed, vanished, removed."""
    attached = (
        b"From: Ida <ida@example.org>\r\nTo: Bo <bo@example.org>\r\nSubject: Minutes\r\nDate: Mon, 3 Feb 2025 10:00:00 +0000\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n'
        b"The minutes are attached.\r\n--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=votes.csv\r\n\r\n"
        b"motion,yes,no\r\nnew roof,12,3\r\n--b\r\nContent-Type: application/zip\r\n"
        b"Content-Disposition: attachment; filename=all.zip\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n--b--\r\n"
    )
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "minutes.eml").write_bytes(attached)
    (folder / "note.txt").write_text("The choir meets on Tuesdays.", "utf-8")
    with Library.open(tmp_path / "index", short_lived=True) as library:
        report = library.sync(folder)
        assert (3, 1) == (report.added, len(report.failed))
        assert "minutes.eml#all.zip" == report.failed[0].source
        votes = library.document("minutes.eml#votes.csv")
        assert ("2025-02-03", "Minutes") == (votes.date, votes.metadata["attached_to"])
        assert "votes.csv" in library.document("minutes.eml").metadata["attachments"]
        assert "yes: 12" in library.ask("How many said yes to the new roof?").text

        (folder / "minutes.eml").write_bytes(attached.replace(b"new roof,12,3", b"new roof,14,1"))
        again = library.sync(folder)
        assert (0, 2) == (again.added, again.updated)  # the message holds the attachment
        assert "yes: 14" in library.document("minutes.eml#votes.csv").text

        (folder / "minutes.eml").write_bytes(attached.replace(b"votes.csv", b"ballot.csv"))
        library.sync(folder)
        sources = {info.source for info in library.documents() if info.state == "ready"}
        assert {"minutes.eml", "minutes.eml#ballot.csv", "note.txt"} == sources
        assert 0 == library.sync(folder).added

        (folder / "minutes.eml").unlink()
        library.sync(folder, prune=True)
        assert {"note.txt"} == {info.source for info in library.documents()}


@pytest.mark.process
def test_only_new_messages_of_a_mailbox_are_embedded(tmp_path: Path) -> None:
    """A mailbox grows at its end; what is in already is not done again."""
    letter = "From ada@example.org Mon Jan 06 10:00:00 2025\nSubject: Letter {n}\nFrom: ada@example.org\n\nThe ferry number {n} is late.\n\n"
    box = tmp_path / "mail" / "box.mbox"
    box.parent.mkdir()
    box.write_text("".join(letter.format(n=n) for n in range(5)))
    with Library.open(tmp_path / "index", short_lived=True) as library:
        assert 5 == library.sync(box.parent).passages
        box.write_text("".join(letter.format(n=n) for n in range(6)))
        report = library.sync(box.parent)
        assert (1, 5, 1) == (report.added, report.unchanged, report.passages)
        assert "The ferry number 5 is late." in library.document("box.mbox#6").text


ASKED = ("Ida", "The quay", "Could the painters begin with the quay on Monday, before the boats come back from the north?")
TOLD = ("Bo", "Re: The quay", "They can, but the paint for the quay has to dry for nine days, so the boats wait outside.")


def mailbox(*messages: tuple[str, str, str]) -> bytes:
    return "".join(
        f"From x@example.org Mon Jan 06 10:00:00 2025\nFrom: {sender} <x@example.org>\nTo: Ada <ada@example.org>\n"
        f"Subject: {subject}\nDate: Mon, 6 Jan 2025 10:00:00 +0000\n\n{body}\n\n"
        for sender, subject, body in messages
    ).encode()


def quoted(body: str, width: int = 40) -> str:
    return "\n".join(f"> {line}" for line in textwrap.wrap(body, width))


@pytest.mark.process
def test_what_a_mail_quotes_is_searched_once(tmp_path: Path) -> None:
    """Where it was written; without the original, where it is quoted first. It stays in the text."""
    replied = (*TOLD[:2], f"{TOLD[2]}\n\nOn Mon, Jan 6, 2025 at 10:00 Ida <x@example.org> wrote:\n{quoted(ASKED[2])}")
    forwarded = (
        "Ada", "Fwd: The quay",
        f"See below.\n\n-----Original Message-----\nFrom: Bo\nSent: Monday, 6 January 2025\nTo: Ada\nSubject: Re: The quay\n\n"
        f"{TOLD[2]}\n\nOn Mon, Jan 6, 2025 at 10:00 Ida <x@example.org> wrote:\n{quoted(ASKED[2], 60)}",
    )  # fmt: skip
    box = tmp_path / "mail" / "box.mbox"
    box.parent.mkdir()
    with Library.open(tmp_path / "index", short_lived=True) as library:

        def holders(words: str) -> list[str]:
            hits = library.search("painters begin with the quay on Monday, paint has to dry for nine days", k=20)
            return sorted(
                f"{hit.source} {hit.start == 0}" for hit in hits if words in " ".join(hit.text.replace(">", "").split())
            )

        box.write_bytes(mailbox(ASKED, replied, forwarded))
        library.sync(box.parent)
        assert ["box.mbox#1 True"] == holders("before the boats come back")
        assert ["box.mbox#2 True"] == holders("nine days")
        blocks = library.document("box.mbox#3").blocks
        numbers = [block.number for block in blocks if block.kind in ("message", "quotation")]
        assert ["", "2", "1"] == numbers
        assert "before the boats come back" in " ".join(library.document("box.mbox#3").text.replace(">", "").split())

        box.write_bytes(mailbox(replied, forwarded))
        library.sync(box.parent, prune=True)
        assert ["box.mbox#1 False"] == holders("before the boats come back")
        assert ["box.mbox#1 True"] == holders("nine days")

        library.reindex()
        assert ["box.mbox#1 False"] == holders("before the boats come back")


@pytest.mark.process
def test_a_quotation_is_searched_again_without_its_original(tmp_path: Path) -> None:
    """Also if another message takes the original's place, and if only a later quotation has a sentence of its own."""
    reply = ("Bo", "Re: The quay", f"No.\n\n{quoted(ASKED[2])}")
    box = tmp_path / "mail" / "box.mbox"
    box.parent.mkdir()
    with Library.open(tmp_path / "index", short_lived=True) as library:
        for original, holders in ((ASKED, {"box.mbox#2"}), (("Ida", "Lunch", "Soup at noon."), {"box.mbox#1"})):
            box.write_bytes(mailbox(reply, original))
            library.sync(box.parent, prune=True)
            hits = library.search("painters begin with the quay before the boats come back from the north")
            assert holders == {hit.source for hit in hits if "painters" in hit.text}

    secret = "The secret price of the paint is four thousand pounds net each month."
    more = ("Bo", "Re: The quay", f"No.\n\n{quoted(ASKED[2] + ' ' + secret)}")
    last = ("Ida", "Re: The quay", f"Yes.\n\n{quoted(secret)}")
    documents = parse_mailbox(mailbox(ASKED, more, last), "box.mbox").documents
    numbers = [[block.number for block in document.blocks if block.kind == "quotation"] for document in documents]
    assert [[], [""], ["2"]] == numbers


def eml(message: tuple[str, str, str], day: int) -> bytes:
    sender, subject, body = message
    return (
        f"From: {sender} <x@example.org>\nTo: Ada <ada@example.org>\nSubject: {subject}\n"
        f"Date: {day} Jan 2025 10:00:00 +0000\n\n{body}\n"
    ).encode()


@pytest.mark.process
def test_what_mails_in_separate_files_quote_is_searched_once(tmp_path: Path) -> None:
    """Whichever of them is imported first; and again where it is quoted, once its original is gone."""
    folder = tmp_path / "mail"
    folder.mkdir()
    lead = "On Mon, Jan 6, 2025 at 10:00 Ida <x@example.org> wrote:"
    reply = eml((*TOLD[:2], f"{TOLD[2]}\n\n{lead}\n{quoted(ASKED[2])}"), 7)
    (folder / "reply.eml").write_bytes(reply)
    with Library.open(tmp_path / "index", short_lived=True) as library:

        def holders() -> list[str]:
            hits = library.search("painters begin with the quay on Monday before the boats come back", k=20)
            found = (hit for hit in hits if "before the boats" in " ".join(hit.text.replace(">", "").split()))
            return sorted(source for hit in found for source in (hit.source, *hit.also_in))

        assert 1 == library.sync(folder).added
        assert ["reply.eml"] == holders()

        (folder / "asked.eml").write_bytes(eml(ASKED, 6))
        (folder / "other.eml").write_bytes(eml(("Ida", "Lunch", f"{quoted(ASKED[2])}"), 8))
        report = library.sync(folder)
        assert (2, 0) == (report.added, report.updated)
        assert ["asked.eml", "other.eml"] == holders()
        blocks = library.document("reply.eml").blocks
        assert ["asked.eml"] == [block.number for block in blocks if block.kind == "quotation"]
        assert hashlib.sha256(reply).hexdigest() == library.document("reply.eml").content_hash

        assert 3 == library.sync(folder).unchanged
        (folder / "other.eml").unlink()
        (folder / "asked.eml").unlink()
        library.sync(folder, prune=True)
        assert ["reply.eml"] == holders()


def test_short_quotations_stay_where_they_are_answered() -> None:
    """A few quoted words show what a line of a reply answers; other threads are others."""
    remark = (
        "Bo",
        "Re: The quay",
        f"> with the quay on Monday\n\nYes.\n\n{quoted('Nobody wrote this sentence about herons and otters.')}",
    )
    other = ("Bo", "Lunch", f"Yes.\n\n{quoted(ASKED[2])}")
    documents = parse_mailbox(mailbox(ASKED, remark, other), "box.mbox").documents
    assert 3 == len(documents)
    assert {""} == {block.number for document in documents for block in document.blocks}


def test_a_message_becomes_a_document() -> None:
    message = (
        b"From: Ida Holm <ida@example.org>\nTo: bo@example.org\nSubject: =?utf-8?q?Caf=C3=A9?=\n"
        b"Date: Mon, 3 Feb 2025 10:00:00 +0000\n\nThe quay is closed.\n"
    )
    document = parse(message, "a.eml").documents[0]

    assert ("Café", "Ida Holm", "2025-02-03") == (document.title, document.author, document.date)
    assert document.text.startswith(
        "Subject: Café\nFrom: Ida Holm <ida@example.org>\nTo: bo@example.org\nDate: 2025-02-03\n"
    )
    assert document.text.endswith("\n\nThe quay is closed.")


def test_a_file_without_headers_is_not_mail() -> None:
    with pytest.raises(ReadError, match="no headers"):
        parse(b"\n\nJust text.", "a.eml")


def test_a_quoted_from_line_does_not_start_a_message() -> None:
    head = b"From ada@example.org Mon Jan 06 10:00:00 2025\nSubject: One\n\n"
    box = head + b"Dear Bo,\n\n>From here on it is steep.\n\n" + head.replace(b"One", b"Two") + b"Yes.\n"
    documents = parse_mailbox(box, "x.mbox").documents

    assert [("One", "1"), ("Two", "2")] == [(document.title, document.source) for document in documents]
    assert "\nFrom here on it is steep." in documents[0].text
