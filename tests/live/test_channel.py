from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from pytest_speedacc.live.workers.channel import Channel, ChannelClosed, connect


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    """One end as a channel, and the other as the bare socket behind it."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as bare:
        connection, _ = server.accept()
        yield Channel(connection), bare
        connection.close()


def test_messages_arrive_one_by_one_however_they_were_packed(ends: tuple[Channel, socket.socket]) -> None:
    channel, bare = ends
    bare.sendall(b'{"kind": "one"}\n{"kind": "two", "text": "\xc3\xa4')
    assert channel.receive(5) == {"kind": "one"}
    bare.sendall(b'\\n"}\n')
    assert channel.receive(5) == {"kind": "two", "text": "ä\n"}


def test_what_is_sent_is_a_line(ends: tuple[Channel, socket.socket]) -> None:
    channel, bare = ends
    channel.send("time", calls=3, text="a\nb")
    assert bare.recv(100) == b'{"kind": "time", "calls": 3, "text": "a\\nb"}\n'


def test_a_closed_end_is_told_to_the_other(ends: tuple[Channel, socket.socket]) -> None:
    channel, bare = ends
    bare.sendall(b'{"kind": "hal')
    bare.close()
    with pytest.raises(ChannelClosed, match="the connection was closed"):
        channel.receive()


def test_silence_is_waited_for_only_so_long(ends: tuple[Channel, socket.socket]) -> None:
    with pytest.raises(ChannelClosed, match=r"no answer for 0\.01 s"):
        ends[0].receive(0.01)


def test_rubbish_is_no_message(ends: tuple[Channel, socket.socket]) -> None:
    channel, bare = ends
    bare.sendall(b"GET / HTTP/1.1\r\n")
    with pytest.raises(ChannelClosed, match="no message"):
        channel.receive(5)


def test_an_end_that_is_gone_cannot_be_sent_to(ends: tuple[Channel, socket.socket]) -> None:
    channel, _ = ends
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.send("time")


def test_a_worker_says_who_it_is_when_it_connects() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        worker = connect(server.getsockname()[1], "secret")
        connection, _ = server.accept()
        assert Channel(connection).receive(5) == {"kind": "hello", "token": "secret", "pid": os.getpid()}
        worker.close()
        connection.close()
