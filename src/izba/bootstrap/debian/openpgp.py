"""Cleartext signatures (RFC 9580, section 7) checked against keyrings, by Sequoia or by the gpgv that apt brings."""

from __future__ import annotations

import os

from izba.bootstrap.errors import BadSignature, NoKeyring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    import pysequoia


def verify_clearsigned(data: bytes, *, keyrings: Sequence[str], key: str = "", what: str) -> bytes:
    """The text that a key of `keyrings` (or the armoured `key`) signed: what stands outside the signature is dropped.

    Raises `BadSignature`.
    """
    named = (*keyrings, *(("the key in the source's Signed-By",) if key else ()))
    if not data.lstrip().startswith(b"-----BEGIN PGP SIGNED MESSAGE-----"):
        raise BadSignature(what, "it is not signed", keyrings=named)
    try:
        import pysequoia
    except ImportError:
        return _verify_with_gpgv(data, keyrings, key, what, named)

    certificates = [certificate for path in keyrings for certificate in _read_keyring(path)]
    if key:
        certificates += pysequoia.Cert.split_bytes(key.encode())
    try:
        verified = pysequoia.verify(bytes=data, store=lambda _: certificates)
    except RuntimeError as error:
        # Sequoia adds a backtrace after the first line.
        raise BadSignature(what, str(error).partition("\n")[0].rstrip(".").lower(), keyrings=named) from None
    if not verified.valid_sigs or verified.bytes is None:
        raise BadSignature(what, "no trusted key signed it", keyrings=named)
    return verified.bytes


def _read_keyring(path: str) -> list[pysequoia.Cert]:
    import pysequoia

    try:
        return pysequoia.Cert.split_file(path)
    except (RuntimeError, OSError) as error:
        raise NoKeyring(f"{path} is not an OpenPGP keyring: {str(error).partition(chr(10))[0]}") from None


def _verify_with_gpgv(data: bytes, keyrings: Sequence[str], key: str, what: str, named: tuple[str, ...]) -> bytes:
    import shutil
    import subprocess
    import tempfile

    gpgv = shutil.which("gpgv")
    if gpgv is None:
        raise NoKeyring(
            f"nothing here can check the signature of {what}", hint="install pysequoia, or the program gpgv"
        )
    with tempfile.TemporaryDirectory(prefix="izba-gpgv-") as directory:
        binary = [_dearmoured(_bytes_of(path), f"{directory}/{index}.gpg") for index, path in enumerate(keyrings)]
        if key:
            binary.append(_dearmoured(key.encode(), f"{directory}/source.gpg"))
        signed = f"{directory}/InRelease"
        _write(signed, data)
        words = [word for path in binary for word in ("--keyring", path)]
        done = subprocess.run(
            [gpgv, "--homedir", directory, *words, "--output", "-", signed], capture_output=True, check=False
        )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1].removeprefix("gpgv: ") if lines else "bad signature"
        raise BadSignature(what, reason, keyrings=named)
    return done.stdout


def _dearmoured(keyring: bytes, path: str) -> str:
    # gpgv reads binary keyrings only. The armour (RFC 9580, section 6.2): headers, an empty line, base64, "=" checksum.
    if b"-----BEGIN PGP" in keyring:
        import base64

        binary = bytearray()
        for block in keyring.replace(b"\r", b"").split(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n")[1:]:
            body = block.partition(b"\n\n")[2].partition(b"-----END PGP")[0]
            binary += base64.b64decode(b"".join(line for line in body.split(b"\n") if not line.startswith(b"=")))
        keyring = bytes(binary)
    _write(path, keyring)
    return path


def _bytes_of(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(path: str, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
