"""Creates the markup for the Settings tab, which shows the settings and the index's state. Has no side effects."""

from __future__ import annotations

from rag.records import IndexStatus
from rag.server.page.views.markup import one_line
from rag.settings import Settings

_OCR = {"on": "read by text recognition (OCR)", "off": "not read (to read them, change the ocr setting)"}
_PRIVATE_URLS = {"refuse": "cannot be added (to allow this, change the private_urls setting)", "allow": "can be added"}
_UNITS = ("bytes", "kB", "MB", "GB")


def settings_markup(status: IndexStatus, settings: Settings) -> str:
    """Returns a table of the current settings and the index's state."""
    model = settings.chat_model_name()
    sent = "; ".join(f"{what} sent to {address}" for what, address in settings.remote_addresses().items())
    waiting = f"; passages not embedded yet, found by keyword only: {status.waiting:,}" if status.waiting else ""
    rows = {
        "Answers": f"written by {model}; every claim is checked" if model else "quoted from the documents, word for word",
        "What leaves this machine": sent or "nothing",
        "Documents": f"{status.documents:,}, split into {status.passages:,} passages{waiting}",
        "Synced folder": settings.documents or "none",
        "Index": f"{status.index}, {format_size(status.size)}",
        "Embedding model": status.embedder or settings.embedder,
        "Abstention threshold": f"evidence score {status.evidence:.2f} (to tune it, run rag calibrate)",
        "Scanned pages": _OCR[settings.ocr],
        "Web pages on this network": _PRIVATE_URLS[settings.private_urls],
        "Versions": ", ".join(f"{name} {version}" for name, version in status.versions.items()),
    }
    lines = "".join(f"<tr><th scope='row'>{name}</th><td>{one_line(value)}</td></tr>" for name, value in rows.items())
    help_text = (
        "Change settings in rag.toml, with environment variables (RAG_MODEL=…) or with command-line options; "
        "<b>rag config</b> shows where each value comes from."
    )
    return f'<table class="facts"><tbody>{lines}</tbody></table><p class="about">{help_text}</p>'


def format_size(size: float) -> str:
    """Formats a size, given in bytes, with a suitable unit.

    Example:
        >>> format_size(999), format_size(1_500_000)
        ('999 bytes', '1.5 MB')
    """
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} {_UNITS[-1]}"
