"""HTTP/1.1 on sockets: h11 for the protocol, a thread for each connection, files by sendfile.

Every read and write has a time limit, every head a moment by which it is there, every body a least speed, so a client
that stalls or drips costs a thread for a minute and no more. When all places are taken, the connection on which nothing
has been asked for the longest time makes room.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import contextmanager
from urllib.parse import parse_qs, unquote, urlsplit

import h11

from izba import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

STALL_SECONDS = 60.0
LEAST_BYTES = 60 * 1024
"""Of a body, within the time of a stall."""
MAX_CONNECTIONS = 128
PAUSE_SECONDS = 0.2
LINGER_SECONDS = 10.0
MAX_HEADER = 32 << 10
RECEIVE = 1 << 18


class BodyError(Exception):
    """The client broke off, or sent something that is not HTTP."""


class Request:
    """One request; `path` is decoded, header names are lower case. `read` streams the body."""

    def __init__(self, event: h11.Request, body: Callable[[], bytes], peer: str) -> None:
        self.method = event.method.decode("ascii")
        parts = urlsplit(event.target.decode("ascii", "replace"))
        self.raw_path = parts.path
        self.path = unquote(parts.path)
        self.query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in event.headers}
        self.peer = peer
        self._body = body

    def read(self) -> bytes:
        """The next piece of the body, `b""` at its end. Raises `BodyError`."""
        return self._body()

    def read_all(self, limit: int) -> bytes | None:
        """The whole body; None if it is longer than `limit`."""
        parts, size = [], 0
        while data := self.read():
            size += len(data)
            if size > limit:
                return None
            parts.append(data)
        return b"".join(parts)


class Part:
    """A piece of a file as a body; the file is closed when it was sent.

    `arrived` is of a file that is still written: it waits for more than so many bytes and tells how many there are.
    """

    def __init__(self, file: BinaryIO, offset: int, count: int, arrived: Callable[[int], int] | None = None) -> None:
        self.file = file
        self._offset = offset
        self._count = count
        self._arrived = arrived

    def __len__(self) -> int:
        return self._count

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Where there is what can be sent now, and how much. Raises `BodyError` if the rest will not come."""
        at, end = self._offset, self._offset + self._count
        while at < end:
            there = end if self._arrived is None else min(self._arrived(at), end)
            yield at, there - at
            at = there


class Stream:
    """A body of `size` bytes that comes in pieces from elsewhere; the pieces raise `BodyError` if no more will come.

    `close` is called in the end, however much was sent.
    """

    def __init__(self, size: int, pieces: Iterator[bytes], close: Callable[[], None]) -> None:
        self.pieces = pieces
        self.close = close
        self._size = size

    def __len__(self) -> int:
        return self._size


class Response:
    """A status, headers and a body that is bytes, a part of a file, or a stream."""

    def __init__(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes | Part | Stream = b""
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self.body = body


class HttpServer:
    """Listens on one address; `serve` runs until `close` is called from elsewhere."""

    def __init__(
        self,
        handler: Callable[[Request], Response],
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._handler = handler
        self._tls = tls
        self._places = Places()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=128)
        self._closed = threading.Event()

    @property
    def address(self) -> tuple[str, int]:
        """The address it really listens on."""
        host, port = self._listener.getsockname()[:2]
        return host, port

    def serve(self) -> None:
        """Take connections until `close`."""
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError as error:
                if self._closed.is_set():
                    return
                log.warning("the registry cannot take a connection", why=str(error))  # no descriptors, for one
                self._places.make_room()
                continue
            if not self._places.take():
                connection.close()
                continue
            thread = threading.Thread(target=self._connection, args=(connection, peer[0]), daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                log.warning("the registry cannot take a connection", why=str(error))
                connection.close()
                self._places.leave()

    def close(self) -> None:
        """Stop listening; connections that are being answered end by themselves."""
        self._closed.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def _connection(self, connection: socket.socket, peer: str) -> None:
        try:
            connection.settimeout(STALL_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            _Conversation(connection, self._handler, peer, self._places).run()
        except (OSError, h11.RemoteProtocolError, BodyError) as error:
            log.debug("connection ended", peer=peer, reason=str(error))
        finally:
            connection.close()
            self._places.leave()


class Places:
    """How many connections there may be, and which of them are between two requests."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = 0
        self._idle: dict[socket.socket, None] = {}  # the longest first

    def take(self) -> bool:
        """Have a place, if there is one in time."""
        deadline = time.monotonic() + STALL_SECONDS
        with self._changed:
            while self._taken >= MAX_CONNECTIONS:
                self._hang_up()
                if not self._changed.wait(deadline - time.monotonic()):
                    return False
            self._taken += 1
        return True

    def leave(self) -> None:
        """Give the place back."""
        with self._changed:
            self._taken -= 1
            self._changed.notify_all()

    def make_room(self) -> None:
        """Let the connection go that has been idle for the longest; return when one has ended, or after a while."""
        with self._changed:
            self._hang_up()
            self._changed.wait(PAUSE_SECONDS)

    @contextmanager
    def idle(self, connection: socket.socket) -> Iterator[None]:
        """While nothing is asked on the connection."""
        with self._changed:
            self._idle[connection] = None
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._idle.pop(connection, None)

    def _hang_up(self) -> None:
        for connection in list(self._idle):
            del self._idle[connection]
            try:
                # Reading ends, writing does not: a request that has just come is answered. The method of a TLS socket
                # would give up its encryption.
                socket.socket.shutdown(connection, socket.SHUT_RD)
            except OSError:
                continue  # gone already
            return


class _Conversation:
    """The requests and answers of one connection."""

    def __init__(
        self, connection: socket.socket, handler: Callable[[Request], Response], peer: str, places: Places
    ) -> None:
        self._socket = connection
        self._handler = handler
        self._peer = peer
        self._places = places
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER)
        self._window = (0.0, 0)  # when it ends, and the bytes of the body in it

    def run(self) -> None:
        while True:
            event = self._head()
            if not isinstance(event, h11.Request):
                return
            if self._h11.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._window = (time.monotonic() + STALL_SECONDS, 0)
            request = Request(event, self._body, self._peer)
            response = self._handler(request)
            self._answer(request, response)
            if self._h11.our_state is h11.MUST_CLOSE or not self._drained():
                return
            self._h11.start_next_cycle()

    def _head(self) -> object:
        """The next request, if all of its head comes in time once it began to."""
        deadline = None
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            if deadline is None:
                with self._places.idle(self._socket):
                    data = self._socket.recv(RECEIVE)
            else:
                data = self._socket.recv(RECEIVE)
            self._h11.receive_data(data)
            deadline = deadline or time.monotonic() + STALL_SECONDS
            if time.monotonic() > deadline:
                raise BodyError("the head of a request took too long")
        return event

    def _next(self) -> object:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            self._h11.receive_data(self._socket.recv(RECEIVE))
        return event

    def _body(self) -> bytes:
        if self._h11.their_state is not h11.SEND_BODY:
            return b""
        event = self._next()
        if isinstance(event, h11.Data):
            self._pace(len(event.data))
            return bytes(event.data)
        if isinstance(event, h11.EndOfMessage):
            return b""
        raise BodyError("the client went away in the middle of a body")

    def _pace(self, count: int) -> None:
        end, seen = self._window
        now = time.monotonic()
        if now <= end:
            self._window = (end, seen + count)
        elif seen + count < LEAST_BYTES:
            raise BodyError(f"{seen + count} bytes in {STALL_SECONDS:.0f} s is no upload")
        else:
            self._window = (now + STALL_SECONDS, 0)

    def _drained(self) -> bool:
        """Whether the rest of a body came that nobody wanted, so that the connection can go on.

        Who hangs up on a client that still sends takes the answer from it, too (RFC 9112, section 9.6).
        """
        if self._h11.their_state is h11.SEND_BODY:
            deadline = time.monotonic() + LINGER_SECONDS
            self._socket.settimeout(LINGER_SECONDS)
            while self._h11.their_state is h11.SEND_BODY and time.monotonic() < deadline:
                self._body()
            self._socket.settimeout(STALL_SECONDS)
        return self._h11.their_state is h11.DONE

    def _answer(self, request: Request, response: Response) -> None:
        body = response.body
        headers = {"Content-Length": str(len(body)), **response.headers}
        self._send(h11.Response(status_code=response.status, headers=list(headers.items())))
        try:
            if len(body) and request.method != "HEAD":
                if isinstance(body, Part):
                    # h11 counts the length; the bytes go from the file to the socket without passing through Python.
                    self._h11.send_with_data_passthrough(h11.Data(data=body))  # type: ignore[arg-type]
                    for offset, count in body.pieces():
                        self._socket.sendfile(body.file, offset, count)
                else:
                    for piece in body.pieces if isinstance(body, Stream) else (body,):
                        self._send(h11.Data(data=piece))
        finally:
            if isinstance(body, Part):
                body.file.close()
            elif isinstance(body, Stream):
                body.close()
        self._send(h11.EndOfMessage())

    def _send(self, event: h11.Event) -> None:
        if data := self._h11.send(event):
            self._socket.sendall(data)
