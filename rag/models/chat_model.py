"""A language model on an OpenAI-compatible server. The openai SDK's errors are converted to rag's own errors.

Uses only the chat completions API, which every compatible server offers. The SDK treats a truncated stream as complete and
waits indefinitely while data arrives slowly, so this module checks the finish reason and enforces the time limits. Each
request runs in its own event loop, where it can be cancelled at any time, even before the server has sent anything.
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
_PAUSES_S = (0.5, 2.0)  # seconds to wait before the second try and before the third
_POLL_S = 0.2  # interval at which the caller can stop a request while the server is silent
_SLOW = "ask again, increase total_s and first_token_s, or use a faster model"
_CHECK_ADDRESS = "check the server's address, which usually ends in /v1"
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum context|too (?:long|many tokens)|exceeds?.{0,40}token", re.IGNORECASE
)


class OpenAIChatModel:
    """One model on one server. Safe to share between threads.

    Args:
        model: The model's name on the server.
        base_url: The server's address, for example "http://127.0.0.1:11434/v1"; empty for OpenAI itself.
        api_key: The API key, which is sent as the bearer token and never shown.
        first_token_s: Maximum wait in seconds for the first token and for each later token.
        total_s: Time limit in seconds for the whole reply.
    """

    def __init__(self, model: str, base_url: str, api_key: str, *, first_token_s: float, total_s: float) -> None:
        self.name = model
        self._base_url = base_url or None
        self._api_key = api_key or "none"
        self._first_token_s = first_token_s
        self._total_s = total_s
        self.address = openai.OpenAI(base_url=self._base_url, api_key=self._api_key).base_url.netloc.decode()

    def stream(self, messages: Sequence[tuple[str, str]]) -> Iterator[Delta]:
        """Yields the reply in pieces, and empty pieces while nothing arrives. Closing the iterator cancels the request.

        Raises:
            PromptTooLongError: The prompt is longer than the model accepts, so the model wrote nothing.
            ModelError: The server did not reply, refused the request, or stopped early. The error's message never
                contains the API key.
        """
        deltas: queue.SimpleQueue[Delta | ModelError | None] = queue.SimpleQueue()
        request = _BackgroundTask(self._produce(messages, deltas.put))
        try:
            while True:
                try:
                    delta = deltas.get(timeout=_POLL_S)
                except queue.Empty:
                    yield Delta()
                    continue
                if delta is None:
                    return
                if isinstance(delta, ModelError):
                    raise delta
                yield delta
        finally:
            request.cancel()

    async def _produce(self, messages: Sequence[tuple[str, str]], put: Callable[[Delta | ModelError | None], None]) -> None:
        """Passes each piece of the reply to `put`. At the end, passes None, or the error that ended the reply."""
        first, total = asyncio.timeout(self._first_token_s), asyncio.timeout(self._total_s)
        try:
            async with total, first, self._client() as client:
                async for delta in self._deltas(await self._open_stream(client, messages)):
                    if delta.text:
                        first.reschedule(None)
                    put(delta)
            put(None)
        except TimeoutError:
            what = f"took longer than {self._total_s:g} s" if total.expired() else self._sent_nothing()
            put(ModelError(f"{self.name} at {self.address} {what}", _SLOW))
        except ModelError as error:
            put(error)
        except Exception as error:  # a malformed reply may cause any exception
            put(self._translated(error))

    def _client(self) -> openai.AsyncOpenAI:
        # Each request has its own client. Sharing one would gain little, because the SDK closes idle connections after 5 s.
        timeout = openai.Timeout(self._first_token_s, connect=min(_CONNECT_S, self._first_token_s))
        # Redirects are not followed, so that the text goes only to the configured host.
        http = openai.DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False)
        return openai.AsyncOpenAI(
            base_url=self._base_url, api_key=self._api_key, timeout=timeout, max_retries=0, http_client=http
        )

    async def _open_stream(self, client: openai.AsyncOpenAI, messages: Sequence[tuple[str, str]]) -> Any:
        """Returns the reply's stream. If the server is busy or fails, tries again while there is time left."""
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
                options = {}  # an older server may be unable to report token counts
            except openai.APITimeoutError:
                raise
            except openai.APIConnectionError:
                if len(pauses) < len(_PAUSES_S):
                    raise
                await asyncio.sleep(pauses.pop(0))  # retried only once, in case the server is still starting
            except (openai.RateLimitError, openai.InternalServerError) as error:
                if not pauses or error.code == "insufficient_quota":
                    raise
                wait_s = max(pauses.pop(0), _retry_after_s(error))
                if wait_s >= min(self._first_token_s, self._total_s):
                    raise
                await asyncio.sleep(wait_s)

    async def _deltas(self, stream: Any) -> AsyncIterator[Delta]:
        kind = stream.response.headers.get("content-type", "")
        if "text/html" in kind:
            raise ModelError(f"{self.address} sent a web page instead of a model's reply", _CHECK_ADDRESS)
        if "application/json" in kind:  # the server does not support streaming
            yield self._unstreamed(json.loads(await stream.response.aread()))
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
                yield Delta(text, reason, counts)  # type: ignore[arg-type]  # _FINISH has only allowed finish reasons
        if not finish:
            raise ModelError(f"{self.address} broke off in the middle of its reply", "ask again")

    def _unstreamed(self, reply: Any) -> Delta:
        """Converts a reply that was not streamed into a single delta."""
        choices = reply.get("choices") if isinstance(reply, dict) else None
        if not choices:
            raise ModelError(f"{self.address} sent data that is not a model's reply", _CHECK_ADDRESS)
        message = choices[0].get("message") or {}
        finish = _FINISH.get(choices[0].get("finish_reason") or "", "")
        if not finish:
            raise ModelError(f"{self.address} broke off in the middle of its reply", "ask again")
        return Delta(str(message.get("content") or ""), finish, _counts(reply.get("usage") or {}))  # type: ignore[arg-type]

    def _translated(self, error: Exception) -> ModelError:
        model = f"{self.name} at {self.address}"
        match error:
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return ModelError(
                    f"{self.address} rejected the API key", "check OPENAI_API_KEY; `rag config` shows it masked"
                )
            case openai.NotFoundError():
                return ModelError(f"{self.address} has no model {self.name!r}", "check the model's name and the address")
            case openai.RateLimitError(code="insufficient_quota"):
                return ModelError(f"the account at {self.address} has no quota left", "check the account's billing")
            case openai.RateLimitError():
                return ModelError(f"{self.address} is limiting the rate of requests", "wait a moment, then ask again")
            case openai.APITimeoutError():
                return ModelError(f"{model} {self._sent_nothing()}", _SLOW)
            case openai.APIConnectionError():
                return ModelError(
                    f"{self.address} cannot be reached", "check that the server is running and that its address is correct"
                )
            case openai.APIStatusError():
                return self._status_error(error)
            case json.JSONDecodeError():
                return ModelError(f"{self.address} sent data that is not a model's reply", _CHECK_ADDRESS)
        return ModelError(f"{model} broke off its reply ({type(error).__name__})", "ask again")

    def _status_error(self, error: openai.APIStatusError) -> ModelError:
        if error.status_code < 400:
            return ModelError(
                f"{self.address} redirects to another address ({error.status_code}), which rag does not follow",
                _CHECK_ADDRESS,
            )
        if error.status_code in (400, 413) and _TOO_LONG.search(str(error)):
            return PromptTooLongError(
                f"{self.name} accepts less text than this question needs",
                "set context_tokens to the model's context window",
            )
        reason = self._without_keys(error.message)
        return ModelError(f"{self.name} at {self.address} failed ({error.status_code}): {reason}", "ask again later")

    def _sent_nothing(self) -> str:
        return f"sent nothing for {self._first_token_s:g} s"

    def _without_keys(self, message: str) -> str:
        """Shortens a server's message and masks any API keys in it."""
        return _KEY.sub("[key]", " ".join(message.split()).replace(self._api_key, "[key]"))[:200]


def _counts(usage: Mapping[str, object]) -> tuple[tuple[str, int], ...]:
    return tuple((kind, count) for kind, count in usage.items() if isinstance(count, int))


def _retry_after_s(error: openai.APIStatusError) -> float:
    """Returns the number of seconds in the server's Retry-After header; 0 if it is missing or cannot be parsed."""
    value = error.response.headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return float(value)
    with contextlib.suppress(ValueError, TypeError):
        return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    return 0.0


class _BackgroundTask:
    """Runs a coroutine in its own thread until the coroutine ends or is cancelled."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._started = threading.Event()
        # Uses a daemon thread and never joins it, because a host name lookup cannot be interrupted.
        threading.Thread(target=asyncio.run, args=(self._main(),), name="model", daemon=True).start()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._work)
        self._started.set()
        await asyncio.wait([self._task])

    def cancel(self) -> None:
        """Cancels the coroutine, which closes its connection."""
        self._started.wait()
        if not self._task.done():
            with contextlib.suppress(RuntimeError):  # the event loop may already have ended
                self._loop.call_soon_threadsafe(self._task.cancel)
