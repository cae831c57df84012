"""A language model behind an OpenAI-compatible server. The home of the openai SDK, whose errors end here.

Chat completions only: every compatible server has them. The SDK takes a stream that was cut off for a whole one and waits
without end while anything trickles in, so the finish reason and the deadlines are checked here.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

import openai

from rag.errors import ModelError
from rag.ports import Delta

_KEY = re.compile(r"sk-[\w*-]{4,}|Bearer\s+\S+")
_FINISH = {"stop": "stop", "length": "length", "content_filter": "filter"}


class OpenAIWriter:
    """Writes with one model of one server.

    Args:
        model: Its name there.
        base_url: Such as "http://127.0.0.1:11434/v1"; empty for OpenAI itself.
        api_key: Sent as the bearer token; never shown.
        first_token_s: How long it may take to its first word, seconds.
        total_s: How long in all, seconds.
    """

    def __init__(self, model: str, base_url: str, api_key: str, *, first_token_s: float, total_s: float) -> None:
        self.name = model
        self._client = openai.OpenAI(
            base_url=base_url or None, api_key=api_key or "none", timeout=first_token_s, max_retries=0
        )
        self.address = self._client.base_url.netloc.decode()
        self._first_token_s = first_token_s
        self._total_s = total_s

    def write(self, messages: Sequence[tuple[str, str]]) -> Iterator[Delta]:
        """Streams the reply. Closing the iterator closes the connection.

        Raises:
            ModelError: The server did not answer, refused, or broke off; the message holds no key.
        """
        begun = time.monotonic()
        stream = None
        watch = None
        late = threading.Event()
        try:
            stream = self._begun(messages, begun + self._total_s)
            if "text/html" in stream.response.headers.get("content-type", ""):
                raise ModelError(f"{self.address} sent a page, not a reply", "check the address; it mostly ends in /v1")

            def give_up() -> None:
                late.set()
                stream.response.close()

            # A server that trickles keeps every read short of its timeout: only a clock of our own ends it.
            watch = threading.Timer(self._total_s - (time.monotonic() - begun), give_up)
            watch.daemon = True
            watch.start()
            yield from self._deltas(stream)
            if late.is_set():
                raise ModelError(f"{self.name} at {self.address} took longer than {self._total_s:g} s", _SLOW)
        except ModelError:
            raise
        except GeneratorExit:
            raise
        except Exception as error:
            if late.is_set():
                raise ModelError(f"{self.name} at {self.address} took longer than {self._total_s:g} s", _SLOW) from None
            raise self._explained(error) from None  # the SDK's own text may repeat the key
        finally:
            if watch is not None:
                watch.cancel()
            if stream is not None and hasattr(stream, "close"):
                stream.close()

    def _begun(self, messages: Sequence[tuple[str, str]], give_up: float) -> Any:
        """The reply's stream. A busy or stumbling server is asked again, as long as there is time; a silent one is not."""
        for pause_s in (*_PAUSES_S, None):
            try:
                return self._client.chat.completions.create(
                    model=self.name,
                    messages=cast("Any", [{"role": role, "content": content} for role, content in messages]),
                    stream=True,
                    stream_options={"include_usage": True},
                )
            except (openai.RateLimitError, openai.InternalServerError) as error:
                wait_s = max(pause_s or 0.0, _asked_to_wait_s(error))
                if pause_s is None or error.code == "insufficient_quota" or time.monotonic() + wait_s >= give_up:
                    raise
                time.sleep(wait_s)
        raise AssertionError("the last try returns or raises")

    def _deltas(self, stream: Any) -> Iterator[Delta]:
        finish = ""
        for chunk in stream:
            usage = getattr(chunk, "usage", None)
            counts = tuple((k, v) for k, v in usage.model_dump().items() if isinstance(v, int)) if usage else ()
            choice = chunk.choices[0] if chunk.choices else None
            text = (choice.delta.content or "") if choice is not None and choice.delta is not None else ""
            reason = _FINISH.get((choice.finish_reason or "") if choice is not None else "", "")
            finish = reason or finish
            if text or reason or counts:
                yield Delta(text, reason, counts)  # type: ignore[arg-type]  # _FINISH's values are the literals
        if not finish:
            raise ModelError(f"{self.address} broke off in the middle of its reply", "ask again")

    def _explained(self, error: Exception) -> ModelError:
        who = f"{self.name} at {self.address}"
        match error:
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return ModelError(f"{self.address} refused the key", "check OPENAI_API_KEY; `rag config` shows it masked")
            case openai.NotFoundError():
                return ModelError(f"{self.address} has no model {self.name!r}", "check the model's name and the address")
            case openai.RateLimitError(code="insufficient_quota"):
                return ModelError(f"the account at {self.address} has no quota left", "check its billing")
            case openai.RateLimitError():
                return ModelError(f"{self.address} is limiting the rate of requests", "wait a little and ask again")
            case openai.APITimeoutError():
                return ModelError(f"{who} said nothing for {self._first_token_s:g} s", _SLOW)
            case openai.APIConnectionError():
                return ModelError(f"{self.address} cannot be reached", "check that the server runs, and its address")
            case openai.APIStatusError():
                return ModelError(f"{who} failed ({error.status_code}): {_safe(error.message)}", "ask again later")
            case json.JSONDecodeError():
                return ModelError(
                    f"{self.address} sent something that is no reply", "check the address; it mostly ends in /v1"
                )
        return ModelError(f"{who} broke off ({type(error).__name__})", "ask again")


def _asked_to_wait_s(error: openai.APIStatusError) -> float:
    """What the server's Retry-After says, seconds; 0 if it says nothing that can be understood."""
    words = error.response.headers.get("retry-after", "")
    return float(words) if words.isdigit() else 0.0


_PAUSES_S = (0.5, 2.0)  # before the second and the third try
_SLOW = "ask again, raise total_s and first_token_s, or use a faster model"


def _safe(message: str) -> str:
    """A server's own words, short and without keys."""
    return _KEY.sub("[key]", " ".join(message.split()))[:200]
