"""Messages between the coordinator of a live run and its workers: one JSON object a line, over loopback."""

from __future__ import annotations

import json
import os
import socket
from typing import Any


class ChannelClosed(Exception):
    """The other side is gone, speaks another language, or has said nothing within the time it was given."""


class Channel:
    """One end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        # A message is small and waits for its answer: gathering several into a packet would only delay it.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._pending = b""

    def send(self, kind: str, **content: Any) -> None:
        """Send one message. Raises ChannelClosed."""
        try:
            self._socket.sendall(json.dumps({"kind": kind, **content}).encode() + b"\n")
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def receive(self, timeout: float | None = None) -> dict[str, Any]:
        """The next message, waiting at most ``timeout`` seconds for it. Raises ChannelClosed."""
        self._socket.settimeout(timeout)
        try:
            while b"\n" not in self._pending:
                part = self._socket.recv(1 << 16)
                if not part:
                    raise ChannelClosed("the connection was closed")
                self._pending += part
        except TimeoutError:
            raise ChannelClosed(f"no answer for {timeout:g} s") from None
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        line, self._pending = self._pending.split(b"\n", 1)
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:
            raise ChannelClosed("what it says is no message") from None
        return message

    def close(self) -> None:
        """Close this end; the other end's next receive tells it."""
        self._socket.close()


def connect(port: int, token: str) -> Channel:
    """The worker's end."""
    channel = Channel(socket.create_connection(("127.0.0.1", port)))
    channel.send("hello", token=token, pid=os.getpid())
    return channel
