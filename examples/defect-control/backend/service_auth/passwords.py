"""Argon2id. An unknown address costs as much time as a wrong password, so that the answers cannot be told apart."""

import argon2

from service_auth.settings import AuthSettings


class Passwords:
    def __init__(self, settings: AuthSettings) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=settings.argon2_passes, memory_cost=settings.argon2_memory_kib, parallelism=1
        )
        self._nobody = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        return self._hasher.hash(_encoded(password))

    def match(self, stored: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._nobody, _encoded(password)) and stored is not None
        except argon2.exceptions.VerificationError:
            return False

    def outdated(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
