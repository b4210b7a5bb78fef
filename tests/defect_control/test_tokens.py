"""Forged, foreign and expired tokens, at the gateway and at each service behind it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from tests.defect_control.stack import SECRET, Person, Stack, code

PLACES = [
    "http://api-gateway:8000/api/projects",
    "http://auth-service:8001/auth/me",
    "http://projects-service:8002/projects",
    "http://defects-service:8003/defects",
    "http://reports-service:8004/reports/summary",
]


def forge(person: Person, *, key: str = SECRET, algorithm: str = "HS256", without: str = "", **changes: object) -> str:
    now = datetime.now(UTC)
    claims = {
        "sub": person.id, "role": "administrator", "name": person.name, "sid": person.id, "iss": "defect-control",
        "aud": "people", "iat": now, "exp": now + timedelta(minutes=5),
    } | changes  # fmt: skip
    claims.pop(without, None)
    return jwt.encode(claims, key, algorithm)


@pytest.mark.parametrize("place", PLACES)
def test_no_place_takes_a_token_that_auth_service_did_not_sign(stack: Stack, engineer: Person, place: str) -> None:
    past = datetime.now(UTC) - timedelta(minutes=10)
    forged = {
        "another key": forge(engineer, key="x" * 40),
        "no signature": forge(engineer, key="", algorithm="none"),
        "another algorithm": forge(engineer, key=SECRET * 2, algorithm="HS512"),
        "for services": forge(engineer, aud="services"),
        "from elsewhere": forge(engineer, iss="elsewhere"),
        "without an end": forge(engineer, without="exp"),
        "without a role": forge(engineer, without="role"),
        "an unknown role": forge(engineer, role="god"),
        "a subject of another kind": forge(engineer, sub="1 OR 1=1"),
        "a changed payload": ".".join(
            [engineer.token.split(".")[0], forge(engineer).split(".")[1], engineer.token.split(".")[2]]
        ),
        "rubbish": "a.b.c",
    }

    def answer(token: str) -> str:
        return code(stack.client().get(place, headers={"Authorization": f"Bearer {token}"}))

    assert {name: answer(token) for name, token in forged.items()} == dict.fromkeys(forged, "token_invalid")
    assert answer(forge(engineer, iat=past, exp=past + timedelta(minutes=5))) == "token_expired"
    assert stack.client().get(place, headers={"Authorization": f"Bearer {engineer.token}"}).status_code == 200


def test_a_short_or_missing_key_ends_a_service_at_once(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    from common.settings import Settings, load

    for key in (None, "", "too short to sign with"):
        monkeypatch.delenv("SECRET_KEY", raising=False)
        if key is not None:
            monkeypatch.setenv("SECRET_KEY", key)
        with pytest.raises(SystemExit):
            load(Settings)
        told = capsys.readouterr().err
        assert "error: SECRET_KEY" in told
        assert "too short to sign with" not in told
