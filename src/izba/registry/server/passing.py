"""A blob that goes through a pull-through registry and is not kept, because there is no room for it."""

from __future__ import annotations

from izba.errors import IzbaError
from izba.oci.digest import Hasher
from izba.registry.server.http import BodyError, Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.oci.descriptor import Descriptor
    from izba.registry.client import Client
    from izba.registry.transport import Body

CHUNK = 1 << 18


class Passing:
    """Its bytes are fetched for each who asks, as they are asked for."""

    def __init__(self, client: Client, blob: Descriptor) -> None:
        self.blob = blob
        self._client = client

    def part(self, first: int, count: int) -> Stream:
        """Bytes of the blob as a body. Raises what asking the other registry raises.

        The last byte of a whole blob is sent when all is known to be right; a part cannot be verified here.
        """
        body, begins = self._client.blob(self.blob, offset=first)
        return Stream(count, self._pieces(body, first - begins, count), body.close)

    def _pieces(self, body: Body, skip: int, count: int) -> Iterator[bytes]:
        hasher = Hasher()
        held = b""
        left = count
        try:
            while left and (data := body.read(min(CHUNK, left + skip))):
                data, skip = data[skip:], max(skip - len(data), 0)
                hasher.update(data)
                left -= len(data)
                if held + data:
                    yield (held + data)[:-1]
                    held = (held + data)[-1:]
        except (IzbaError, OSError) as error:
            raise BodyError(str(error)) from error
        if left or (count == self.blob.size and hasher.digest() != self.blob.digest):
            raise BodyError(f"blob {self.blob.digest} could not be had whole")
        yield held
