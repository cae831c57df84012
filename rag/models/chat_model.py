"""A language model behind an OpenAI-compatible server. The home of the openai SDK, whose errors end here.

Chat completions only: every compatible server has them. The SDK takes a stream that was cut off for a whole one and waits
without end while anything trickles in, so the finish reason and the deadlines are checked here. A request runs in an event
loop of its own: there it can be dropped at any moment, even before the server has said a word.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import re
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import openai

from rag.errors import ModelError, PromptTooLongError
from rag.ports import Delta

_KEY = re.compile(r"sk-[\w*-]{4,}|Bearer\s+\S+")
_FINISH = {"stop": "stop", "length": "length", "content_filter": "filter"}
_CONNECT_S = 5.0
_PAUSES_S = (0.5, 2.0)  # before the second and the third try
_BEAT_S = 0.2  # how often a silent server leaves room to stop it
_SLOW = "ask again, raise total_s and first_token_s, or use a faster model"
_ADDRESS = "check the address; it mostly ends in /v1"
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum context|too (?:long|many tokens)|exceeds?.{0,40}token", re.IGNORECASE
)


class OpenAIChatModel:
    """Writes with one model of one server. Safe to share between threads.

    Args:
        model: Its name there.
        base_url: Such as "http://127.0.0.1:11434/v1"; empty for OpenAI itself.
        api_key: Sent as the bearer token; never shown.
        first_token_s: How long it may take to its first word, and be silent after it, seconds.
        total_s: How long in all, seconds.
    """

    def __init__(self, model: str, base_url: str, api_key: str, *, first_token_s: float, total_s: float) -> None:
        self.name = model
        self._base_url = base_url or None
        self._api_key = api_key or "none"
        self._first_token_s = first_token_s
        self._total_s = total_s
        self.address = openai.OpenAI(base_url=self._base_url, api_key=self._api_key).base_url.netloc.decode()

    def stream(self, messages: Sequence[tuple[str, str]]) -> Iterator[Delta]:
        """Streams the reply, with an empty piece now and then while nothing comes. Closing it drops the connection.

        Raises:
            PromptTooLongError: The model takes less text; nothing was written.
            ModelError: The server did not answer, refused, or broke off; the message holds no key.
        """
        news: queue.SimpleQueue[Delta | ModelError | None] = queue.SimpleQueue()
        running = _Running(self._told(messages, news.put))
        try:
            while True:
                try:
                    piece = news.get(timeout=_BEAT_S)
                except queue.Empty:
                    yield Delta()
                    continue
                if piece is None:
                    return
                if isinstance(piece, ModelError):
                    raise piece
                yield piece
        finally:
            running.drop()

    async def _told(self, messages: Sequence[tuple[str, str]], tell: Callable[[Delta | ModelError | None], None]) -> None:
        """Tells each piece of the reply as it comes, and at last None or why there is no more."""
        first, total = asyncio.timeout(self._first_token_s), asyncio.timeout(self._total_s)
        try:
            async with total, first, self._client() as client:
                async for delta in self._deltas(await self._begun(client, messages)):
                    if delta.text:
                        first.reschedule(None)
                    tell(delta)
            tell(None)
        except TimeoutError:
            late = f"took longer than {self._total_s:g} s" if total.expired() else self._silent()
            tell(ModelError(f"{self.name} at {self.address} {late}", _SLOW))
        except ModelError as error:
            tell(error)
        except Exception as error:  # any shape of reply may come from a foreign server
            tell(self._explained(error))

    def _client(self) -> openai.AsyncOpenAI:
        # For one reply: connections are not kept for longer than 5 s anyhow.
        timeout = openai.Timeout(self._first_token_s, connect=min(_CONNECT_S, self._first_token_s))
        # The text goes to the host that was named, wherever that would send it.
        http = openai.DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False)
        return openai.AsyncOpenAI(
            base_url=self._base_url, api_key=self._api_key, timeout=timeout, max_retries=0, http_client=http
        )

    async def _begun(self, client: openai.AsyncOpenAI, messages: Sequence[tuple[str, str]]) -> Any:
        """The reply's stream. A busy or stumbling server is asked again, as long as there is time."""
        options: dict[str, Any] = {"stream_options": {"include_usage": True}}
        pauses = list(_PAUSES_S)
        while True:
            try:
                return await client.chat.completions.create(
                    model=self.name,
                    messages=cast("Any", [{"role": role, "content": content} for role, content in messages]),
                    stream=True,
                    **options,
                )
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if not options or "stream_options" not in str(error):
                    raise
                options = {}  # an older server, that counts no tokens
            except openai.APITimeoutError:
                raise
            except openai.APIConnectionError:
                if len(pauses) < len(_PAUSES_S):
                    raise
                await asyncio.sleep(pauses.pop(0))  # once: it may be starting
            except (openai.RateLimitError, openai.InternalServerError) as error:
                if not pauses or error.code == "insufficient_quota":
                    raise
                wait_s = max(pauses.pop(0), _asked_to_wait_s(error))
                if wait_s >= min(self._first_token_s, self._total_s):
                    raise
                await asyncio.sleep(wait_s)

    async def _deltas(self, stream: Any) -> AsyncIterator[Delta]:
        kind = stream.response.headers.get("content-type", "")
        if "text/html" in kind:
            raise ModelError(f"{self.address} sent a page, not a reply", _ADDRESS)
        if "application/json" in kind:  # a server that does not stream
            yield self._whole(json.loads(await stream.response.aread()))
            return
        finish = ""
        async for chunk in stream:
            choice = chunk.choices[0] if chunk.choices else None
            text = (choice.delta.content or "") if choice is not None and choice.delta is not None else ""
            reason = _FINISH.get((choice.finish_reason or "") if choice is not None else "", "")
            finish = reason or finish
            usage = getattr(chunk, "usage", None)
            counts = _counts(usage.model_dump()) if usage else ()
            if text or reason or counts:
                yield Delta(text, reason, counts)  # type: ignore[arg-type]  # _FINISH's values are the literals
        if not finish:
            raise ModelError(f"{self.address} broke off in the middle of its reply", "ask again")

    def _whole(self, reply: Any) -> Delta:
        """A reply that came in one piece."""
        choices = reply.get("choices") if isinstance(reply, dict) else None
        if not choices:
            raise ModelError(f"{self.address} sent something that is no reply", _ADDRESS)
        message = choices[0].get("message") or {}
        finish = _FINISH.get(choices[0].get("finish_reason") or "", "")
        if not finish:
            raise ModelError(f"{self.address} broke off in the middle of its reply", "ask again")
        return Delta(str(message.get("content") or ""), finish, _counts(reply.get("usage") or {}))  # type: ignore[arg-type]

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
                return ModelError(f"{who} {self._silent()}", _SLOW)
            case openai.APIConnectionError():
                return ModelError(f"{self.address} cannot be reached", "check that the server runs, and its address")
            case openai.APIStatusError():
                return self._refused(error)
            case json.JSONDecodeError():
                return ModelError(f"{self.address} sent something that is no reply", _ADDRESS)
        return ModelError(f"{who} broke off ({type(error).__name__})", "ask again")

    def _refused(self, error: openai.APIStatusError) -> ModelError:
        if error.status_code < 400:
            return ModelError(f"{self.address} sends elsewhere ({error.status_code}), which is not followed", _ADDRESS)
        if error.status_code in (400, 413) and _TOO_LONG.search(str(error)):
            return PromptTooLongError(f"{self.name} takes less text than this question needs", "set context_tokens")
        said = self._safe(error.message)
        return ModelError(f"{self.name} at {self.address} failed ({error.status_code}): {said}", "ask again later")

    def _silent(self) -> str:
        return f"said nothing for {self._first_token_s:g} s"

    def _safe(self, message: str) -> str:
        """A server's own words, short and without keys."""
        return _KEY.sub("[key]", " ".join(message.split()).replace(self._api_key, "[key]"))[:200]


def _counts(usage: Mapping[str, object]) -> tuple[tuple[str, int], ...]:
    return tuple((kind, count) for kind, count in usage.items() if isinstance(count, int))


def _asked_to_wait_s(error: openai.APIStatusError) -> float:
    """What the server's Retry-After says, seconds; 0 if it says nothing that can be understood."""
    words = error.response.headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return float(words)
    with contextlib.suppress(ValueError, TypeError):
        return (parsedate_to_datetime(words) - datetime.now(UTC)).total_seconds()
    return 0.0


class _Running:
    """A coroutine that runs in a thread of its own until it ends or is dropped."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._begun = threading.Event()
        # Nobody waits for it: a name that is being looked up cannot be given up.
        threading.Thread(target=asyncio.run, args=(self._main(),), name="model", daemon=True).start()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._work)
        self._begun.set()
        await asyncio.wait([self._task])

    def drop(self) -> None:
        """Ends it where it stands, which closes its connection."""
        self._begun.wait()
        if not self._task.done():
            with contextlib.suppress(RuntimeError):  # it ended meanwhile
                self._loop.call_soon_threadsafe(self._task.cancel)
