"""The settings: their names, defaults and limits, and how values from several sources are merged.

This module reads neither files nor environment variables.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from rag.errors import SettingsError

NO_MODEL = "none"
OPENAI_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-5-mini"  # used if an API key is set but no model is named
SHIPPED_EMBEDDER = "minilm"


@dataclass(frozen=True, slots=True)
class Settings:
    """The current settings.

    Raises:
        SettingsError: A value has the wrong type, is out of range, or conflicts with another value.
    """

    index: str = "index"  # index folder
    documents: str = ""  # folder that is synced before each question; empty = none
    model: str = ""  # writes answers; "none" = extraction; empty = DEFAULT_MODEL if there is an API key, else extraction
    base_url: str = ""  # base URL of an OpenAI-compatible server; empty = OpenAI
    api_key: str = ""  # masked wherever it is shown
    embedder: str = SHIPPED_EMBEDDER  # "minilm" (built-in), or "openai:<model>" for an embeddings endpoint
    embedder_url: str = ""  # base URL of the embeddings endpoint; empty = base_url
    passage_tokens: int = 260  # longest passage, in the embedder's tokens; best on chunking_eval (benchmarks/README.md)
    k: int = 8  # number of passages an answer may use; more cost tokens but hardly improve answers
    sentences: int = 4  # maximum number of sentences in an extracted answer; most answers need fewer
    # An extracted answer abstains below this evidence: about 9% of answerable questions are below (benchmarks/README.md).
    evidence: float = 0.18
    reader: str = "on"  # "off" ranks sentences by words and meaning, which is faster and much less exact
    read_passages: int = 12  # number of passages that are read for an extracted answer
    first_token_s: float = 20.0  # time limit for the first token of a model's reply, seconds
    total_s: float = 120.0  # time limit for the whole reply, seconds
    context_tokens: int = 0  # the model's context window; 0 = inferred from the model's name
    include: str = ""  # files to import from a folder: comma-separated .gitignore patterns; empty = all
    exclude: str = ""  # files to skip: comma-separated .gitignore patterns; a .ragignore in the folder does the same
    private_urls: str = "refuse"  # "allow" also fetches pages from this machine and private networks
    ocr: str = "off"  # "on" recognises text on scanned pages; needs the ocr extra and takes seconds per page
    max_file_mb: int = 512  # larger files are rejected without being read

    def __post_init__(self) -> None:
        for name, kind in _TYPES.items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), kind, "settings"))
        if self.base_url and not self.model and not self.api_key:
            raise SettingsError(
                f"base_url is {self.base_url}, but no model is named",
                "use --model NAME, or --model none to quote documents",
            )

    def chat_model_name(self) -> str:
        """Returns the name of the model that writes answers, or "" if answers are extracted."""
        if self.model == NO_MODEL:
            return ""
        return self.model or (DEFAULT_MODEL if self.api_key else "")

    def prompt_tokens(self) -> int:
        """Returns the maximum prompt length in tokens. The rest of the context window is reserved for the answer."""
        known = (tokens for start, tokens in _WINDOWS if self.chat_model_name().lower().startswith(start))
        window = self.context_tokens or next(known, _SMALLEST_WINDOW)
        return max(window // 2, window - _ANSWER_TOKENS)

    def remote_addresses(self) -> dict[str, str]:
        """Returns the address that each kind of text is sent to; empty if no text is sent to a server."""
        where = {}
        if self.chat_model_name():
            where["questions and passages"] = self.base_url or OPENAI_URL
        if self.embedder != SHIPPED_EMBEDDER:
            where["every document"] = self.embedder_url or self.base_url or OPENAI_URL
        return where


@dataclass(frozen=True, slots=True)
class ResolvedSettings:
    """The settings, and the origin of each value.

    Attributes:
        settings: The settings.
        origins: The origin of each setting's value: "default", "rag.toml", or a name such as "RAG_MODEL" or "--model".
    """

    settings: Settings
    origins: Mapping[str, str]


# Prefix of a model's name → its context window in tokens. Source: the vendors' model pages.
_WINDOWS = (("gpt-5", 272_000), ("gpt-4.1", 1_000_000), ("gpt-4o", 128_000), ("o1", 200_000), ("o3", 200_000),
            ("o4", 200_000), ("claude", 200_000), ("gemini", 1_000_000))  # fmt: skip
_SMALLEST_WINDOW = 4_096  # Ollama's default; Ollama silently drops the tokens that exceed it
_ANSWER_TOKENS = 1_024

_TYPES: dict[str, type] = {field.name: type(field.default) for field in fields(Settings)}
_SMALLEST = {
    "passage_tokens": 16,
    "k": 1,
    "sentences": 1,
    "evidence": 0,
    "read_passages": 1,
    "first_token_s": 0.1,
    "total_s": 0.1,
    "max_file_mb": 1,
    "context_tokens": 0,
}
_LARGEST = {
    "passage_tokens": 480,
    "k": 100,
    "sentences": 10,
    "evidence": 1,
    "read_passages": 100,
}  # 512 tokens less title and markers
_CHOICES = {"private_urls": ("refuse", "allow"), "ocr": ("off", "on"), "reader": ("on", "off")}


def resolve(layers: Sequence[tuple[str, Mapping[str, object]]]) -> ResolvedSettings:
    """Merges settings from several sources.

    Args:
        layers: (source, settings by name) pairs; later pairs take precedence. `{name}` and `{NAME}` in a source are
            replaced with the setting's name.

    Raises:
        SettingsError: A name is unknown, or a value has the wrong type, is out of range, or conflicts with another value.
    """
    values: dict[str, object] = {}
    origins = dict.fromkeys(_TYPES, "default")
    for pattern, layer in layers:
        for name, value in layer.items():
            origin = pattern.format(name=name.replace("_", "-"), NAME=name.upper())
            if name not in _TYPES:
                near = difflib.get_close_matches(name, _TYPES, n=1)
                known = f"did you mean {near[0]!r}?" if near else f"the settings are {', '.join(_TYPES)}"
                raise SettingsError(f"{origin}: there is no setting {name!r}", known)
            origins[name] = origin
            values[name] = _checked(name, value, _TYPES[name], origin)
    return ResolvedSettings(Settings(**values), origins)  # type: ignore[arg-type]  # _checked has converted the values


def _checked(name: str, value: object, kind: type, origin: str) -> object:
    """Returns a value converted to its field's type, after checking its range."""
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
    # A user name before an @ can look like the host, and characters that a terminal does not show can hide the real host.
    if not sound or "@" in parts.netloc or not (address.isprintable() and address.isascii()) or " " in address:
        raise SettingsError(
            f"{origin}: {name} is not a valid address: {address!r}", "use the form http://host:port/v1, with no user name"
        )


def patterns(listed: str) -> list[str]:
    """Splits comma-separated patterns.

    Example:
        >>> patterns("*.pdf, notes/**")
        ['*.pdf', 'notes/**']
    """
    return [pattern.strip() for pattern in listed.split(",") if pattern.strip()]


def masked(key: str) -> str:
    """Returns an API key with only its first and last few characters visible. A short key is hidden completely.

    Example:
        >>> masked("sk-abcdefghijklmnop"), masked("short"), masked("")
        ('sk-…mnop', '…', '')
    """
    if not key:
        return ""
    return f"{key[:3]}…{key[-4:]}" if len(key) >= 12 else "…"
