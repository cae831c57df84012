"""Runs a Python module in a supervised child process and exchanges messages with the child. Each reply has a deadline.

The messages, called frames, are sent over two pipes. A frame is a JSON object followed by raw bytes. This module does not
interpret frames, and never executes received data. The parent process uses `SupervisedChild`, and the child process uses
`ParentConnection`. If the child hangs, crashes or runs out of memory, the parent gets an exception but keeps running.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, cast

_LENGTH_BYTES = 4  # size of the big-endian length in front of each JSON object
_HEARTBEAT = "busy"  # a frame with this key tells the parent that the child is still working on the request
_EXIT_S = 1.0  # wait for the exit code, which becomes available shortly after an exiting process closes its pipes


class ChildTimeoutError(Exception):
    """No reply came before the deadline. The child has been killed.

    Attributes:
        limit_s: The time limit that was exceeded, in seconds.
    """

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"no reply within {limit_s:.0f} s")
        self.limit_s = limit_s


class ChildCrashError(Exception):
    """The child ended before it replied, or sent data that is not a valid frame.

    Attributes:
        returncode: The child's exit code, or the negative signal number if a signal ended the child.
    """

    def __init__(self, returncode: int) -> None:
        super().__init__(f"ended unexpectedly (exit code {returncode})")
        self.returncode = returncode


class Frame(NamedTuple):
    """One request or reply: a JSON object, and the raw bytes that follow it."""

    message: dict[str, Any]
    payload: bytes


def send_frame(pipe: BinaryIO, message: Mapping[str, Any], payload: bytes = b"") -> None:
    """Writes one frame."""
    head = json.dumps({**message, "bytes": len(payload)}).encode()
    pipe.write(len(head).to_bytes(_LENGTH_BYTES, "big") + head)
    pipe.write(payload)
    pipe.flush()


def receive_frame(pipe: BinaryIO) -> Frame | None:
    """Reads one frame. Returns None at the end of the pipe, or if the bytes are not a valid frame."""
    length = pipe.read(_LENGTH_BYTES)
    if len(length) < _LENGTH_BYTES:
        return None
    head = pipe.read(int.from_bytes(length, "big"))
    try:
        message = json.loads(head)
        payload = pipe.read(message["bytes"])
    except (ValueError, KeyError, TypeError):
        return None
    return Frame(message, payload) if len(payload) == message["bytes"] else None


class SupervisedChild:
    """A child process that answers requests. Callers must send one request at a time.

    Another thread may call `kill`; the thread that is waiting for a reply then gets a `ChildCrashError`.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._requests = cast("BinaryIO", process.stdin)
        self._replies = cast("BinaryIO", process.stdout)
        self._deadline: float | None = None  # as a value of time.monotonic()
        self._timed_out = False
        self._changed = threading.Condition()  # notified when _deadline or _ended changes
        self._ended = False
        threading.Thread(target=self._enforce_deadlines, name=f"child-{process.pid}-deadlines", daemon=True).start()

    @classmethod
    def start(cls, module: str, *arguments: str, inherit: Sequence[int] = ()) -> SupervisedChild:
        """Starts `python -P -m module`.

        Args:
            module: A module that opens a `ParentConnection`.
            arguments: Command-line arguments for the module.
            inherit: File descriptors that the child inherits. The child keeps a lock inherited this way until it ends.
        """
        process = subprocess.Popen(
            # -P keeps Python from importing a module in the current folder by mistake.
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=inherit,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Returns whether the process is running."""
        return self._process.poll() is None

    def request(self, message: Mapping[str, Any], payload: bytes = b"", *, limit_s: float) -> Frame:
        """Sends a request and returns the reply.

        Args:
            message: A JSON object.
            payload: Bytes that follow the JSON object.
            limit_s: Seconds until the child is killed; each heartbeat from the child restarts the countdown.

        Raises:
            ChildTimeoutError: Neither a reply nor a heartbeat arrived in time.
            ChildCrashError: The child ended before it replied.
        """
        return self._exchange(message, payload, limit_s)

    def receive(self, *, limit_s: float) -> Frame:
        """Returns the frame that the child sends when it has started. Raises the same errors as `request`."""
        return self._exchange(None, b"", limit_s)

    def close(self, grace_s: float) -> bool:
        """Closes the request pipe, and waits up to `grace_s` seconds for the child to exit.

        Returns:
            Whether the child has exited. If not, it is left to finish its work on its own.
        """
        with contextlib.suppress(OSError):
            self._requests.close()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._stop_watching()
            self._process.returncode = 0  # keeps subprocess from warning that the process is still running
            return False
        self.end()
        return True

    def kill(self) -> None:
        """Kills the process, so that a thread waiting for its reply wakes up. `end` must still be called to clean up."""
        self._process.kill()

    def end(self) -> int:
        """Kills the process if it is running, closes the pipes, and returns the exit code. May be called more than once."""
        self._process.kill()
        returncode = self._process.wait()
        self._stop_watching()
        return returncode

    def _stop_watching(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        for pipe in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                pipe.close()

    def _exchange(self, message: Mapping[str, Any] | None, payload: bytes, limit_s: float) -> Frame:
        frame = None
        self._set_deadline(limit_s)
        try:
            if message is not None:
                send_frame(self._requests, message, payload)
            frame = receive_frame(self._replies)
            while frame is not None and _HEARTBEAT in frame.message:
                self._set_deadline(limit_s)
                frame = receive_frame(self._replies)
        except (OSError, ValueError):  # OSError: the pipe is broken; ValueError: the pipe was already closed
            frame = None
        except BaseException:  # the user pressed Ctrl-C; the reply that is still to come must not answer another request
            self.end()
            raise
        finally:
            self._set_deadline(None)
        if self._timed_out:
            self._timed_out = False
            self.end()
            raise ChildTimeoutError(limit_s)
        if frame is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_S)
            raise ChildCrashError(self.end())
        return frame

    def _set_deadline(self, limit_s: float | None) -> None:
        with self._changed:
            self._deadline = None if limit_s is None else time.monotonic() + limit_s
            self._changed.notify()

    def _enforce_deadlines(self) -> None:
        """Kills the child when a deadline passes; the thread waiting for a reply then reaches the end of the pipe."""
        with self._changed:
            while not self._ended:
                left_s = None if self._deadline is None else self._deadline - time.monotonic()
                if left_s is None or left_s > 0:
                    self._changed.wait(left_s)
                    continue
                self._timed_out = True
                self._process.kill()
                return


def limit_this_process(memory: int, processor_s: float) -> None:
    """Limits what this process may use from now on, and keeps it from writing files. For use in a child process.

    If the limit on processor time is exceeded, the signal SIGXCPU ends the process. On Windows, nothing is limited, and
    macOS does not enforce the limit on memory.

    Args:
        memory: Maximum size of the address space, in bytes.
        processor_s: Processor time, in seconds, that the process may use in addition to what it has used so far.
    """
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime + processor_s)
    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_FSIZE, 0)):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


class ParentConnection:
    """The child's connection to its parent, for receiving requests and sending replies."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests = requests
        self._replies = replies

    @classmethod
    def open(cls) -> ParentConnection:
        """Opens the connection. Ignores stop signals, and sends all printed output to standard error."""
        # Only the parent handles these signals. To stop this process, the parent closes the pipe.
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, signal.SIG_IGN)
        replies = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        return cls(sys.stdin.buffer, replies)

    def end_without_parent(self, limit_s: float) -> None:
        """Ends this process `limit_s` seconds after its parent, if it is still running then because it hangs."""

        def watch(parent: int) -> None:
            while os.getppid() == parent:
                time.sleep(1.0)
            time.sleep(limit_s)
            os._exit(1)

        if sys.platform != "win32":  # there, a process does not learn of its parent's end
            threading.Thread(target=watch, args=(os.getppid(),), name="parent watch", daemon=True).start()

    def requests(self) -> Iterator[Frame]:
        """Yields each request until the parent closes the pipe or ends."""
        while (frame := receive_frame(self._requests)) is not None:
            yield frame

    def reply(self, message: Mapping[str, Any], payload: bytes = b"") -> None:
        """Sends the reply to the latest request.

        Raises:
            BrokenPipeError: The parent has ended or closed the pipe.
        """
        send_frame(self._replies, message, payload)

    def heartbeat(self) -> None:
        """Tells the parent that the latest request is still being processed, which restarts its time limit."""
        send_frame(self._replies, {_HEARTBEAT: True})
