"""SHA-256, by whichever implementation is sooner done: the same digests."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

SIZES = [0, 1, 1000, 1 << 18, (1 << 18) + 1, 3 << 20]

COMMAND = """
import sys
from izba.oci.digest import Digest, Hasher, sha256_of
size, chunk = map(int, sys.argv[1:])
data = bytes(range(256)) * (size // 256 + 1)
data = data[:size]
hasher = Hasher()
for start in range(0, size, chunk):
    hasher.update(memoryview(data)[start:start + chunk])
early = hasher.digest()
has_openssl = "_hashlib" in sys.modules
print(early, hasher.digest(), hasher.size, has_openssl, Digest.of(data), sha256_of(data).hexdigest())
"""


@pytest.mark.parametrize("chunk", [1000, 1 << 20])
@pytest.mark.parametrize("size", SIZES)
def test_a_hasher_gives_the_digest_of_all_bytes(size: int, chunk: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, str(size), str(chunk)], capture_output=True, text=True, check=True
    )
    early, late, counted, has_openssl, whole, plain = done.stdout.split()

    digest = hashlib.sha256((bytes(range(256)) * (size // 256 + 1))[:size]).hexdigest()
    assert (early, late, whole, plain) == (f"sha256:{digest}", f"sha256:{digest}", f"sha256:{digest}", digest)
    assert int(counted) == size
    assert has_openssl == str(size > 1 << 18)
