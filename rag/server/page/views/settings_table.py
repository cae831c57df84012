"""What is in force, for people: who answers, where text goes, what is here. Pure."""

from __future__ import annotations

from rag.records import IndexStatus
from rag.server.page.views.answer_view import one_line
from rag.settings import Settings

_OCR = {"on": "are recognised", "off": "are not read (the setting ocr)"}
_PRIVATE = {"refuse": "are refused (the setting private_urls)", "allow": "may be added"}
_UNITS = ("bytes", "kB", "MB", "GB")


def shown(now: IndexStatus, settings: Settings) -> str:
    """A table of it all."""
    model = settings.chat_model_name()
    addresses = settings.remote_addresses()
    goes = "; ".join(f"{what} go to {host}" for what, host in addresses.items())
    waiting = f"; {now.waiting:,} of them wait for their vectors, and are found by their words" if now.waiting else ""
    rows = {
        "Answers": f"are written by {model}, each claim checked"
        if model
        else "are quoted from the documents, word for word",
        "What leaves this machine": goes or "nothing",
        "Documents": f"{now.documents:,}, in {now.passages:,} passages{waiting}",
        "Folder that is followed": settings.documents or "none",
        "Index": f"{now.index}, {size(now.size)}",
        "Embedder": now.embedder or settings.embedder,
        "A quoted answer declines": f"below an evidence of {now.evidence:.2f} (rag calibrate fits it to your questions)",
        "Pages that are pictures": _OCR[settings.ocr],
        "Web pages of this network": _PRIVATE[settings.private_urls],
        "Versions": ", ".join(f"{name} {version}" for name, version in now.versions.items()),
    }
    lines = "".join(f"<tr><th scope='row'>{name}</th><td>{one_line(value)}</td></tr>" for name, value in rows.items())
    change = "Changed in rag.toml, by variables (RAG_MODEL=…) or by options; <b>rag config</b> tells where each is from."
    return f'<table class="facts"><tbody>{lines}</tbody></table><p class="about">{change}</p>'


def size(count: float) -> str:
    """Bytes, for people.

    Example:
        >>> size(999), size(1_500_000)
        ('999 bytes', '1.5 MB')
    """
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} {_UNITS[-1]}"
