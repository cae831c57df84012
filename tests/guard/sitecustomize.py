"""Refuses every address but this machine's, in each Python process that the tests start, and notes what was asked for.

Found by Python itself, since the tests put this folder on PYTHONPATH.
"""

import contextlib
import os
import sys

LOG = "TESTS_NETWORK_LOG"
_LOCAL = ("127.", "::1", "localhost", "0.0.0.0", "::ffff:127.")


def is_local(address: object) -> bool:
    """Whether a socket's address, or a host's name, is of this machine."""
    host = address[0] if isinstance(address, tuple) else address
    if isinstance(host, bytes):
        host = host.decode("utf-8", "replace")
    if not isinstance(host, str):
        return host is None
    # A path is a socket of this machine's own; names under .invalid are nobody's (RFC 2606), which tests of outages need.
    return not host or host.startswith(("/", "\0", *_LOCAL)) or host.endswith(".invalid")


def _watch(event: str, given: tuple) -> None:
    if event == "socket.connect" or event == "socket.sendto":
        address = given[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = given[0]
    else:
        return
    if not is_local(address):
        with contextlib.suppress(OSError), open(os.environ.get(LOG, os.devnull), "a", encoding="utf-8") as log:
            log.write(f"{os.getpid()} {sys.argv[:3]} {event} {address!r}\n")
        raise PermissionError(f"the tests may not reach {address!r}")


if os.environ.get(LOG):
    sys.addaudithook(_watch)

if os.environ.get("TESTS_CHROMA"):  # what Chroma's child does wrong, and at which reply (tests/torture/test_derived.py)
    import time

    import rag.index.chroma.process as process

    process._REPLY_S, process._OPEN_S = 1.5, 3.0
    if "rag.index.chroma.child" in sys.orig_argv:
        import rag.child_process as child_process
        from rag.index.chroma import seal

        how, _, at = os.environ["TESTS_CHROMA"].partition(":")
        replies = [0]
        right_reply, right_write = child_process.ParentConnection.reply, seal.Seal.write

        def fail():
            if how == "dead":
                os._exit(9)
            time.sleep(1.2 if how == "slow" else 1000)

        def reply(self, message, payload=b""):
            replies[0] += 1
            if at == str(replies[0] - 1):
                fail()
            right_reply(self, message, payload)

        def write(self, position):
            if at == "close":
                fail()
            right_write(self, position)

        child_process.ParentConnection.reply, seal.Seal.write = reply, write
