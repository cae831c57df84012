"""The settings: their names, defaults and limits, and how several origins become one. Reads no file and no environment."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from rag.errors import SettingsError

NO_MODEL = "none"
OPENAI_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-5-mini"  # when there is a key and no model is named
SHIPPED_EMBEDDER = "minilm"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is in force. Values only: it builds nothing."""

    index: str = "index"  # folder of the index
    documents: str = ""  # folder kept in step before each question; empty = none
    model: str = ""  # who writes answers; "none" = extraction; empty = extraction unless there is a key or an address
    base_url: str = ""  # of an OpenAI-compatible server; empty = OpenAI's own
    api_key: str = ""  # masked wherever it is shown
    embedder: str = SHIPPED_EMBEDDER  # "minilm" (shipped), or "openai:<model>" for an embeddings endpoint
    embedder_url: str = ""  # of that endpoint; empty = base_url
    passage_tokens: int = 260  # of the embedder; best on chunking_eval by recall and IoU (benchmarks/README.md)
    k: int = 8  # passages an answer may rest on; more costs a model more than it helps
    sentences: int = 4  # most sentences an extracted answer has; mostly fewer carry it
    evidence: float = 0.22  # below it an extracted answer abstains; of each public set .95 of the answerable are above
    first_token_s: float = 20.0  # how long a model may think before its first word
    total_s: float = 120.0  # how long it may take in all
    context_tokens: int = 0  # what the model takes, prompt and answer together; 0 = what is known of it by its name
    include: str = ""  # patterns of files of a folder to take in, as in .gitignore, parted by commas; empty = all
    exclude: str = ""  # patterns of those to leave out; a .ragignore in the folder does the same
    private_urls: str = "refuse"  # "allow" lets pages of this machine and its networks be fetched too
    ocr: str = "off"  # "on" recognises the words of pages that are pictures; takes the ocr extra, and seconds a page
    max_file_mb: int = 512  # larger files are refused with a reason, not read

    def chat_model_name(self) -> str:
        """The model that answers, or "" when answers are extracted."""
        if self.model == NO_MODEL:
            return ""
        return self.model or (DEFAULT_MODEL if self.api_key else "")

    def prompt_tokens(self) -> int:
        """Room for question, passages and history, tokens; the rest of the model's window is left to its answer."""
        known = (tokens for start, tokens in _WINDOWS if self.chat_model_name().lower().startswith(start))
        window = self.context_tokens or next(known, _SMALLEST_WINDOW)
        return max(window // 2, window - _ANSWER_TOKENS)

    def remote_addresses(self) -> dict[str, str]:
        """Where text is sent, purpose → address; empty when nothing leaves this machine."""
        where = {}
        if self.chat_model_name():
            where["questions and passages"] = self.base_url or OPENAI_URL
        if self.embedder != SHIPPED_EMBEDDER:
            where["every document"] = self.embedder_url or self.base_url or OPENAI_URL
        return where


@dataclass(frozen=True, slots=True)
class ResolvedSettings:
    """Settings with the origin of each, name → "default", "rag.toml", "RAG_MODEL", "--model"."""

    settings: Settings
    origins: Mapping[str, str]


# Model names begin with → tokens they take. Source: the makers' model pages.
_WINDOWS = (("gpt-5", 272_000), ("gpt-4.1", 1_000_000), ("gpt-4o", 128_000), ("o1", 200_000), ("o3", 200_000),
            ("o4", 200_000), ("claude", 200_000), ("gemini", 1_000_000))  # fmt: skip
_SMALLEST_WINDOW = 4_096  # Ollama's default: what is beyond, it drops without a word
_ANSWER_TOKENS = 1_024

_SMALLEST = {
    "passage_tokens": 16,
    "k": 1,
    "sentences": 1,
    "evidence": 0,
    "first_token_s": 0.1,
    "total_s": 0.1,
    "max_file_mb": 1,
    "context_tokens": 0,
}
_CHOICES = {"private_urls": ("refuse", "allow"), "ocr": ("off", "on")}
_LARGEST = {"passage_tokens": 480, "k": 100, "sentences": 10, "evidence": 1}  # 512 positions less title and markers


def resolve(layers: Sequence[tuple[str, Mapping[str, object]]]) -> ResolvedSettings:
    """Lays settings over each other.

    Args:
        layers: (origin, name → value), the later ones win; an origin may hold `{name}` or `{NAME}`, replaced by the
            setting's name.

    Raises:
        SettingsError: An unknown name, a value of the wrong type or outside its limits.
    """
    types = {field.name: type(field.default) for field in fields(Settings)}
    values: dict[str, object] = {}
    origins = dict.fromkeys(types, "default")
    for pattern, layer in layers:
        for name, value in layer.items():
            origin = pattern.format(name=name.replace("_", "-"), NAME=name.upper())
            if name not in types:
                near = difflib.get_close_matches(name, types, n=1)
                known = f"did you mean {near[0]!r}?" if near else f"the settings are {', '.join(types)}"
                raise SettingsError(f"{origin}: there is no setting {name!r}", known)
            origins[name] = origin
            values[name] = _checked(name, value, types[name], origin)
    settings = Settings(**values)  # type: ignore[arg-type]  # _checked made each value of its field's type
    if settings.base_url and not settings.model and not settings.api_key:
        raise SettingsError(
            f"{origins['base_url']}: there is a base_url but no model", "name one: --model NAME; or 'none' to quote instead"
        )
    return ResolvedSettings(settings, origins)


def _checked(name: str, value: object, kind: type, origin: str) -> object:
    try:
        if isinstance(value, bool) or (kind is str and not isinstance(value, str)):
            raise ValueError
        made = kind(value)
    except (TypeError, ValueError, OverflowError):
        wanted = {int: "a whole number", float: "a number", str: "text"}[kind]
        raise SettingsError(f"{origin}: {name} must be {wanted}, not {value!r}") from None
    if kind is not str and not _SMALLEST[name] <= made <= _LARGEST.get(name, float("inf")):
        limits = f"at least {_SMALLEST[name]}" + (f" and at most {_LARGEST[name]}" if name in _LARGEST else "")
        raise SettingsError(f"{origin}: {name} must be {limits}, not {value!r}")
    if name in _CHOICES and made not in _CHOICES[name]:
        raise SettingsError(f"{origin}: {name} must be {' or '.join(map(repr, _CHOICES[name]))}, not {value!r}")
    if name.endswith("_url") and made:
        _check_address(name, made, origin)
    if name == "embedder" and made != SHIPPED_EMBEDDER and not made.startswith("openai:"):
        raise SettingsError(f"{origin}: embedder must be {SHIPPED_EMBEDDER!r} or 'openai:<model>', not {value!r}")
    return made


def _check_address(name: str, address: str, origin: str) -> None:
    try:
        parts = urlsplit(address)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    # A name before an @ can pass for the host, and so can what a terminal hides.
    if not sound or "@" in parts.netloc or not (address.isprintable() and address.isascii()) or " " in address:
        raise SettingsError(f"{origin}: {name} must be like http://host:port/v1, without a user name, not {address!r}")


def patterns(listed: str) -> list[str]:
    """Patterns, one by one.

    Example:
        >>> patterns("*.pdf, notes/**")
        ['*.pdf', 'notes/**']
    """
    return [pattern.strip() for pattern in listed.split(",") if pattern.strip()]


def masked(key: str) -> str:
    """A key as it may be shown.

    Example:
        >>> masked("sk-abcdefghijklmnop"), masked("short"), masked("")
        ('sk-…mnop', '…', '')
    """
    if not key:
        return ""
    return f"{key[:3]}…{key[-4:]}" if len(key) >= 12 else "…"
