"""Those attached to a container: each gets its output, and may feed its input.

Without a terminal the output is framed as Docker's raw stream: stream (1 stdout, 2 stderr), three zeros, the length in
four bytes, big-endian. With one it is the bytes alone. What a client sends is input; a shutdown for writing is its end.
"""

from __future__ import annotations

import os

from izba.linux.loop import READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

    from izba.linux.loop import Loop
    from izba.monitor.stdio import Input

ENOUGH = 256 * 1024
"""A client this far behind makes the container wait, as Docker's do: an attached terminal loses nothing."""

STREAMS = {"stdout": 1, "stderr": 2}


class Client:
    """One attached connection. `streams` are those it wants; `feeds` whether its bytes are the container's input."""

    def __init__(
        self, clients: Clients, connection: socket, *, streams: frozenset[str], feeds: bool, framed: bool
    ) -> None:
        self._clients = clients
        self._connection = connection
        self._fd = connection.fileno()
        self._streams = streams
        self.feeds = feeds
        self._framed = framed
        self._behind = bytearray()
        self._reading = True
        self._said_all = False
        self._leaving = False
        connection.setblocking(False)
        self._watch()

    @property
    def is_behind(self) -> bool:
        """Whether the container should wait for this client."""
        return len(self._behind) > ENOUGH

    def send(self, stream: str, data: bytes) -> None:
        """Pass on output; what the connection does not take yet is kept."""
        if stream not in self._streams:
            return
        if self._framed:
            data = bytes((STREAMS[stream], 0, 0, 0)) + len(data).to_bytes(4, "big") + data
        self.send_raw(data)

    def send_raw(self, data: bytes) -> None:
        """Pass on bytes as they are."""
        if self._behind:
            self._behind += data
            return
        try:
            sent = self._connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            self._behind += data[sent:]
            self._watch()

    def finish(self) -> None:
        """Close once all was sent."""
        self._leaving = True
        if not self._behind:
            self.close()

    def close(self) -> None:
        """Let go of the connection; the first feeder of a container with `stdin_once` takes its input along."""
        if self._fd < 0:
            return
        self._clients.loop.unwatch(self._fd)
        self._fd = -1
        self._behind.clear()
        self._connection.close()
        self._clients.left(self, fed=self.feeds)

    def pause(self, paused: bool) -> None:
        """Stop or go on reading input, when the container's input is full or free again."""
        if self._reading == paused and self._fd >= 0 and not self._said_all:
            self._reading = not paused
            self._watch()

    def _watch(self) -> None:
        events = (READ if self._reading else 0) | (WRITE if self._behind else 0)
        self._clients.loop.watch(self._fd, events, self._on_ready)

    def _on_ready(self, events: int) -> None:
        if events & WRITE:
            self._send_kept()
        if events & READ and self._fd >= 0:
            if self._said_all:  # not watched for reading: it is gone
                self.close()
            elif self._reading:
                self._receive()
            else:  # gone with input of its own still unread: looked at again when there is room for it
                self._clients.loop.unwatch(self._fd)

    def _send_kept(self) -> None:
        try:
            sent = self._connection.send(self._behind)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._behind[:sent]
        if self._leaving and not self._behind:
            self.close()
            return
        self._watch()
        self._clients.caught_up()

    def _receive(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
            self._streams = frozenset()
        if data:
            if self.feeds:
                self._clients.feed(data)
            return
        self._on_end_of_input()

    def _on_end_of_input(self) -> None:
        """It said all it had to say, and may still listen."""
        self._reading = False
        self._said_all = True
        if not self._streams:
            self.close()
            return
        self._watch()
        if self.feeds:
            self._clients.ended()


class Clients:
    """All who are attached to one container."""

    def __init__(self, loop: Loop, *, framed: bool, stdin: Input, stdin_once: bool) -> None:
        self.loop = loop
        self._framed = framed
        self._stdin = stdin
        self._stdin_once = stdin_once
        self._all: list[Client] = []
        self.on_caught_up = _nothing

    def add(self, connection: socket, *, streams: frozenset[str], feeds: bool) -> Client:
        """Attach a connection."""
        client = Client(self, connection, streams=streams, feeds=feeds, framed=self._framed)
        self._all.append(client)
        return client

    @property
    def are_behind(self) -> bool:
        """Whether the container should wait."""
        return any(client.is_behind for client in self._all)

    def send(self, stream: str, data: bytes) -> None:
        """Pass output on to all."""
        for client in list(self._all):
            client.send(stream, data)

    def finish(self) -> None:
        """The container ended for good: close each once it has all."""
        for client in list(self._all):
            client.finish()

    @property
    def are_gone(self) -> bool:
        """Whether nobody is attached any more."""
        return not self._all

    def feed(self, data: bytes) -> None:
        """Input from one of them."""
        if not self._stdin.write(data):
            for client in self._all:
                client.pause(True)

    def can_feed(self) -> None:
        """The container's input has room again."""
        for client in self._all:
            client.pause(False)

    def ended(self) -> None:
        """A feeder has no more input."""
        if self._stdin_once:
            self._stdin.end()

    def left(self, client: Client, *, fed: bool) -> None:
        """A client is gone."""
        self._all.remove(client)
        if fed:
            self.ended()
        self.caught_up()

    def caught_up(self) -> None:
        """Somebody needs less room than before: the container may go on."""
        if not self.are_behind:
            self.on_caught_up()


def _nothing() -> None:
    pass
