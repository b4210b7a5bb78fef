"""Whom izba says it is: Docker's own config.json and credential helpers, so that one `login` serves both.

Secrets are never part of a `repr`, an error or an argument list.
"""

from __future__ import annotations

import os
from contextlib import suppress

from izba import jsonio, log
from izba._record import Record
from izba.errors import InvalidArgument, NotFound, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

HUB_KEY = "https://index.docker.io/v1/"
HELPER_SECONDS = 30
HELPER_BYTES = 64 << 10


class Credentials(Record):
    """A user name with a password, or an identity token that stands for both."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, ...)"


class CredentialsError(Unavailable):
    """A helper or config.json could not be used."""


class ConfigFile:
    """Docker's config.json in `$DOCKER_CONFIG` or `~/.docker`; unknown keys are kept as they are."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        directory = environ.get("DOCKER_CONFIG") or f"{environ.get('HOME') or '/'}/.docker"
        self.path = f"{directory}/config.json"

    def get(self, host: str) -> Credentials | None:
        """The credentials for `host`, from the helper that is responsible for it or from the file."""
        document = self._read()
        helper = _helper(document, host)
        for key in _keys(host):
            if helper:
                if found := _ask_helper(helper, key):
                    return found
            elif entry := document.get("auths", {}).get(key):
                return _from_entry(self.path, key, entry)
        return None

    def store(self, host: str, credentials: Credentials) -> str:
        """Keep `credentials`; returns where they went, for the message to the user."""
        document = self._read()
        key = _keys(host)[0]
        if helper := _helper(document, host):
            secret = credentials.identity_token or credentials.password
            name = "<token>" if credentials.identity_token else credentials.username
            _run_helper(helper, "store", jsonio.dumps({"ServerURL": key, "Username": name, "Secret": secret}))
            document.setdefault("auths", {}).setdefault(key, {})
            self._write(document)
            return f"the credential helper {helper}"
        from base64 import b64encode

        entry: dict[str, str] = {}
        if credentials.identity_token:
            entry["identitytoken"] = credentials.identity_token
        pair = f"{credentials.username}:{credentials.password}"
        entry["auth"] = b64encode(pair.encode()).decode()
        document.setdefault("auths", {})[key] = entry
        self._write(document)
        return self.path

    def erase(self, host: str) -> bool:
        """Forget what is kept for `host`; whether anything was."""
        document = self._read()
        helper = _helper(document, host)
        found = False
        for key in _keys(host):
            if helper and _ask_helper(helper, key):
                _run_helper(helper, "erase", key)
                found = True
            found = document.get("auths", {}).pop(key, None) is not None or found
        if found:
            self._write(document)
        return found

    def _read(self) -> dict[str, Any]:
        try:
            document = jsonio.read(self.path)
        except FileNotFoundError:
            return {}
        if not isinstance(document, dict) or not all(
            isinstance(document.get(key, {}), dict) for key in ("auths", "credHelpers")
        ):
            raise CredentialsError(f"{self.path} is not Docker's config.json")
        if os.stat(self.path).st_mode & 0o077 and any(document.get("auths", {}).values()):
            log.warning(f"{self.path} holds credentials and can be read by others; chmod 600 it")
        return document

    def _write(self, document: dict[str, Any]) -> None:
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        import json

        jsonio.write_bytes(self.path, json.dumps(document, indent="\t").encode() + b"\n", mode=0o600)
        os.chmod(self.path, 0o600)


def _helper(document: dict[str, Any], host: str) -> str:
    return str(document.get("credHelpers", {}).get(host) or document.get("credsStore") or "")


def _keys(host: str) -> tuple[str, ...]:
    """The names under which tools file a registry's credentials, the one that izba writes first."""
    if host == "docker.io":
        return (HUB_KEY, "index.docker.io", "docker.io", "https://index.docker.io", "registry-1.docker.io")
    return (host, f"https://{host}", f"http://{host}", f"https://{host}/v1/", f"https://{host}/v2/")


def _from_entry(path: str, key: str, entry: Any) -> Credentials | None:
    from base64 import b64decode

    if not isinstance(entry, dict):
        raise CredentialsError(f"{path}: auths[{key!r}]: an object is expected")
    token = entry.get("identitytoken") or ""
    if auth := entry.get("auth"):
        try:
            username, colon, password = b64decode(auth, validate=True).decode().partition(":")
        except (ValueError, TypeError):
            colon = ""
        if not colon:
            raise CredentialsError(f"{path}: auths[{key!r}].auth is not what a login writes", hint=f"izba login {key}")
        return Credentials(username=username, password=password.rstrip("\0"), identity_token=token)
    if entry.get("username"):
        return Credentials(username=entry["username"], password=entry.get("password", ""), identity_token=token)
    return Credentials(identity_token=token) if token else None


def _ask_helper(helper: str, key: str) -> Credentials | None:
    try:
        said = jsonio.loads(_run_helper(helper, "get", key))
        username, secret = said["Username"], said["Secret"]
        if not isinstance(username, str) or not isinstance(secret, str):
            raise TypeError
    except NotFound:
        return None
    except (InvalidArgument, KeyError, TypeError):
        raise CredentialsError(f"credential helper {helper} gave something that is not credentials") from None
    if username == "<token>":
        return Credentials(identity_token=secret)
    return Credentials(username=username, password=secret) if username or secret else None


def _run_helper(helper: str, verb: str, text: str) -> str:
    """Run `docker-credential-HELPER VERB`; the secret goes by standard input, as the protocol has it."""
    import select
    import subprocess
    import time

    if not helper or not all(char.isalnum() or char in "-_." for char in helper):
        raise CredentialsError(f"credential helper {helper!r} is not a program's name")
    program = f"docker-credential-{helper}"
    try:
        process = subprocess.Popen(
            [program, verb], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        hint = "install it, or remove it from config.json"
        why = "is not on PATH" if isinstance(error, FileNotFoundError) else f"cannot be run: {error.strerror}"
        raise CredentialsError(f"{program} {why}", hint=hint) from None
    said = b""
    deadline = time.monotonic() + HELPER_SECONDS
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(BrokenPipeError), process.stdin as stdin:  # one that reads nothing may answer all the same
                stdin.write(text.encode())
            # Read no further than credentials can be long: a helper may write for ever, and so may what it started.
            while True:
                if not select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))[0]:
                    raise TimeoutError
                if not (piece := os.read(process.stdout.fileno(), HELPER_BYTES)):
                    break
                said += piece
                if len(said) > HELPER_BYTES:
                    raise CredentialsError(f"{program} gave more than {HELPER_BYTES} bytes")
            status = process.wait(max(deadline - time.monotonic(), 0))
        except (subprocess.TimeoutExpired, TimeoutError):
            raise CredentialsError(f"{program} did not answer within {HELPER_SECONDS} s") from None
        finally:
            process.kill()
    if status != 0:
        if b"credentials not found" in said:
            raise NotFound(f"{program} has no credentials for {text[:200]}")
        raise CredentialsError(f"{program} {verb} exited {status}")
    return said.decode(errors="replace")
