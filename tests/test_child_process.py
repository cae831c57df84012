"""Supervised child processes: replies, heartbeats, deadlines, crashes, and an orderly end."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.child_process import ChildCrashError, ChildTimeoutError, SupervisedChild, receive_frame, send_frame

pytestmark = pytest.mark.process

CHILD = """
import os, sys, time
from pathlib import Path
from rag.child_process import ParentConnection

parent = ParentConnection.open()
parent.reply({"greeting": sys.argv[1]})
for message, payload in parent.requests():
    for _ in range(message.get("heartbeats", 0)):
        time.sleep(message["sleep_s"])
        parent.heartbeat()
    if "exit" in message:
        os._exit(message["exit"])
    if "print" in message:
        print("not a frame", flush=True)
    parent.reply({"echo": message.get("word", "")}, payload[::-1])
time.sleep(0.2)
Path(sys.argv[2]).write_text("finished")
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SupervisedChild]:
    (tmp_path / "echo_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    started = SupervisedChild.start("echo_child", "hello", str(tmp_path / "end"))
    assert {"greeting": "hello", "bytes": 0} == started.receive(limit_s=20).message
    yield started
    started.end()


def test_a_frame_survives_a_round_trip() -> None:
    pipe = io.BytesIO()
    send_frame(pipe, {"word": "café"}, b"\x00\xff")
    written = pipe.getvalue()

    assert ({"word": "café", "bytes": 2}, b"\x00\xff") == receive_frame(io.BytesIO(written))
    assert [None] * len(written) == [receive_frame(io.BytesIO(written[:n])) for n in range(len(written))]


@pytest.mark.parametrize("head", [b"{", b"[]", b"{}", b'{"bytes": "2"}', b'{"bytes": -1}', b"1"])
def test_bytes_that_are_not_a_frame_are_refused(head: bytes) -> None:
    assert receive_frame(io.BytesIO(len(head).to_bytes(4, "big") + head + b"xx")) is None


def test_requests_are_answered_in_turn(child: SupervisedChild) -> None:
    """What a library prints in the child does not get between the replies."""
    assert ("one", b"cba") == ((reply := child.request({"word": "one"}, b"abc", limit_s=20)).message["echo"], reply.payload)
    assert "two" == child.request({"word": "two", "print": True}, limit_s=20).message["echo"]
    assert child.is_alive()


def test_each_heartbeat_restarts_the_time_limit(child: SupervisedChild) -> None:
    """Four heartbeats, 0.6 s apart, are longer than the limit together, and each is within it."""
    assert "" == child.request({"heartbeats": 4, "sleep_s": 0.6}, limit_s=2.0).message["echo"]


def test_a_child_that_does_not_reply_is_killed(child: SupervisedChild) -> None:
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(ChildTimeoutError, match="no reply within 1 s"):
        child.request({}, limit_s=0.6)

    assert not child.is_alive()
    with pytest.raises(ChildCrashError) as raised:  # it is not started again
        child.request({}, limit_s=20)
    assert -signal.SIGKILL == raised.value.returncode


def test_a_child_that_does_not_read_is_killed(child: SupervisedChild) -> None:
    """More is sent than a pipe holds."""
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(ChildTimeoutError):
        child.request({}, bytes(5_000_000), limit_s=0.3)


def test_a_crash_is_told_from_a_timeout(child: SupervisedChild) -> None:
    with pytest.raises(ChildCrashError, match="exit code 7") as raised:
        child.request({"exit": 7}, limit_s=20)

    assert 7 == raised.value.returncode
    assert not child.is_alive()


def test_another_thread_can_kill_a_busy_child(child: SupervisedChild) -> None:
    threading.Timer(0.2, child.kill).start()
    with pytest.raises(ChildCrashError):
        child.request({"heartbeats": 1, "sleep_s": 30}, limit_s=60)


def test_stop_signals_are_for_the_parent(child: SupervisedChild) -> None:
    for stop in (signal.SIGINT, signal.SIGTERM):
        os.kill(child.pid, stop)

    assert "word" == child.request({"word": "word"}, limit_s=20).message["echo"]


def test_a_child_may_finish_when_it_is_closed(child: SupervisedChild, tmp_path: Path) -> None:
    child.close(grace_s=20)

    assert "finished" == (tmp_path / "end").read_text()
    assert not child.is_alive()


def test_a_child_that_does_not_finish_in_time_is_left_alone(child: SupervisedChild) -> None:
    os.kill(child.pid, signal.SIGSTOP)
    assert not child.close(grace_s=0.2)
    os.kill(child.pid, signal.SIGCONT)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])  # it finishes on its own


def test_a_child_that_finishes_in_time(child: SupervisedChild) -> None:
    assert child.close(grace_s=10)
    assert not child.is_alive()


def test_no_thread_is_left_behind(child: SupervisedChild) -> None:
    name = f"child-{child.pid}-deadlines"
    assert name in {thread.name for thread in threading.enumerate()}
    child.end()
    give_up = time.monotonic() + 5
    while name in {thread.name for thread in threading.enumerate()} and time.monotonic() < give_up:
        time.sleep(0.01)

    assert name not in {thread.name for thread in threading.enumerate()}


def test_an_inherited_descriptor_stays_open_in_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other end of a pipe is open until the child has ended, whatever the parent closes."""
    (tmp_path / "echo_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    reading, writing = os.pipe()
    started = SupervisedChild.start("echo_child", "hello", str(tmp_path / "end"), inherit=[writing])
    os.close(writing)
    os.set_blocking(reading, False)
    started.receive(limit_s=20)
    with pytest.raises(BlockingIOError):
        os.read(reading, 1)
    started.end()

    assert b"" == os.read(reading, 1)
    os.close(reading)
