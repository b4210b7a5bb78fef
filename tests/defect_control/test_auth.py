"""auth-service by itself: accounts, sign-in, the rotation of refresh tokens."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from tests.defect_control.stack import CSRF, PASSWORD, Client, Person, Stack, code, registration

AUTH = "http://auth-service:8001"


@pytest.fixture
def auth(stack: Stack) -> Client:
    return stack.client(AUTH)


def in_body(client: Client, **changes: object) -> dict:
    answer = client.post("/auth/register", json={**registration(), "refresh_in_body": True, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()


def refresh(client: Client, token: str):
    return client.post("/auth/refresh", json={"refresh_token": token})


def test_the_first_to_register_is_the_administrator_and_the_next_an_observer(fresh: Stack) -> None:
    assert [fresh.register().role, fresh.register().role] == ["administrator", "observer"]


def test_registration_can_be_closed_but_not_to_the_first(fresh: Stack) -> None:
    fresh.network.apps["auth-service"].state.settings.registration_open = False

    assert fresh.register().role == "administrator"
    assert code(fresh.client().post("/api/auth/register", json=registration())) == "registration_closed"


def test_a_password_is_kept_as_argon2id_and_a_refresh_token_as_a_digest(fresh: Stack) -> None:
    session = in_body(fresh.client(AUTH))
    with closing(sqlite3.connect(fresh.directory / "auth/database.sqlite3")) as database:
        stored = "\n".join(database.iterdump())

    assert "$argon2id$" in stored
    assert PASSWORD not in stored
    assert session["refresh_token"] not in stored


def test_an_address_is_taken_whatever_its_case(auth: Client) -> None:
    body = registration()
    auth.post("/auth/register", json=body)
    again = auth.post("/auth/register", json={**body, "email": body["email"].upper()})

    assert (again.status_code, code(again)) == (409, "email_taken")


def test_a_wrong_password_and_an_unknown_address_are_told_alike(auth: Client) -> None:
    body = registration()
    auth.post("/auth/register", json=body)
    wrong = auth.post("/auth/login", json={"email": body["email"], "password": "not this one"})
    unknown = auth.post("/auth/login", json={"email": "nobody@example.com", "password": "not this one"})

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["error"]["message"] == unknown.json()["error"]["message"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "no at sign"}, "email"),
        ({"email": "a@b"}, "email"),
        ({"password": "short"}, "password"),
        ({"full_name": "\u0000\u0007xx"}, "full_name"),
        ({"role": "administrator"}, "role"),
    ],
)
def test_what_is_wrong_with_a_registration_is_told_by_field(auth: Client, changes: dict, field: str) -> None:
    answer = auth.post("/auth/register", json={**registration(), **changes})

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["error"]["fields"]] == [field]


def test_words_come_in_the_language_of_the_reader(auth: Client) -> None:
    def message(language: str) -> str:
        answer = auth.post("/auth/login", json={"email": "x", "password": "y"}, headers={"Accept-Language": language})
        return answer.json()["error"]["message"]

    assert message("ru-RU,ru;q=0.9,en;q=0.8") == "Почта или пароль не подходят."
    assert message("en-GB,en;q=0.9,ru;q=0.5") == "The e-mail address or the password is wrong."


def test_a_refresh_token_is_good_for_one_use_and_brings_the_next(auth: Client) -> None:
    first = in_body(auth)["refresh_token"]
    second = refresh(auth, first).json()["refresh_token"]

    assert second != first
    assert refresh(auth, second).status_code == 200


def test_a_second_use_at_once_is_only_refused(auth: Client) -> None:
    first = in_body(auth)["refresh_token"]
    second = refresh(auth, first).json()["refresh_token"]

    assert code(refresh(auth, first)) == "refresh_raced"
    assert refresh(auth, second).status_code == 200


def test_a_late_second_use_closes_the_session_for_thief_and_owner(
    auth: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service_auth import sessions

    first = in_body(auth)["refresh_token"]
    second = refresh(auth, first).json()["refresh_token"]
    monkeypatch.setattr(sessions, "RACE", -sessions.RACE)

    assert code(refresh(auth, first)) == "refresh_reused"
    assert code(refresh(auth, second)) == "refresh_reused"


def test_signing_out_ends_the_session(auth: Client) -> None:
    token = in_body(auth)["refresh_token"]
    assert auth.post("/auth/logout", json={"refresh_token": token}).status_code == 204

    assert code(refresh(auth, token)) == "refresh_invalid"


def test_signing_out_everywhere_ends_the_other_sessions_too(auth: Client) -> None:
    body = {**registration(), "refresh_in_body": True}
    here = auth.post("/auth/register", json=body).json()["refresh_token"]
    login = {key: body[key] for key in ("email", "password", "refresh_in_body")}
    there = auth.post("/auth/login", json=login).json()["refresh_token"]
    auth.post("/auth/logout", json={"refresh_token": here, "everywhere": True})

    assert code(refresh(auth, there)) == "refresh_invalid"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(auth: Client) -> None:
    cookie = auth.post("/auth/register", json=registration()).headers["set-cookie"]

    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/api/auth"))


def test_a_cookie_alone_refreshes_nothing_without_the_header_that_forms_cannot_send(stack: Stack) -> None:
    browser = stack.client()
    assert browser.post("/api/auth/register", json=registration()).json()["refresh_token"] is None

    forged = [browser.post(f"/api/auth/{action}") for action in ("refresh", "logout")]
    answer = browser.post("/api/auth/refresh", headers=CSRF)

    assert [(one.status_code, code(one)) for one in forged] == [(403, "csrf_header_missing")] * 2
    assert answer.status_code == 200
    assert browser.post("/api/auth/logout", headers=CSRF).status_code == 204
    assert code(browser.post("/api/auth/refresh", headers=CSRF)) == "refresh_missing"


def test_changing_the_password_ends_every_session(stack: Stack) -> None:
    person = stack.register()
    wrong = person.post("/api/auth/password", json={"current_password": "wrong", "new_password": "another long one"})
    right = person.post("/api/auth/password", json={"current_password": PASSWORD, "new_password": "another long one"})

    assert code(wrong) == "password_wrong"
    assert right.status_code == 204
    assert person.post("/api/auth/refresh", headers=CSRF).status_code == 401


def test_only_administrators_change_users(administrator: Person, manager: Person, engineer: Person) -> None:
    path = f"/api/users/{engineer.id}"

    assert code(engineer.get("/api/users")) == "role_forbidden"
    assert manager.get("/api/users", params={"q": engineer.name.upper()}).json()["total"] == 1
    assert code(manager.patch(path, json={"role": "administrator"})) == "role_forbidden"
    assert administrator.patch(path, json={"role": "manager"}).json()["role"] == "manager"
    assert code(administrator.patch(path, json={})) == "validation_failed"


def test_the_last_administrator_stays_one(fresh: Stack) -> None:
    only = fresh.register()

    for change in ({"role": "observer"}, {"is_active": False}):
        assert code(only.patch(f"/api/users/{only.id}", json=change)) == "last_administrator"


def test_a_disabled_user_neither_signs_in_nor_refreshes(stack: Stack, administrator: Person) -> None:
    body = registration()
    person = stack.client()
    made = person.post("/api/auth/register", json=body).json()["user"]
    administrator.patch(f"/api/users/{made['id']}", json={"is_active": False})

    assert code(person.post("/api/auth/login", json={"email": body["email"], "password": PASSWORD})) == "user_disabled"
    assert person.post("/api/auth/refresh", headers=CSRF).status_code == 401


def test_an_expired_refresh_token_says_so_and_is_swept_away_a_week_later(
    auth: Client, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service_auth import sessions

    token = in_body(auth)["refresh_token"]
    today = sessions.now()

    monkeypatch.setattr(sessions, "now", lambda: today + timedelta(days=31))
    assert code(refresh(auth, token)) == "refresh_expired"
    monkeypatch.setattr(sessions, "now", lambda: today + timedelta(days=38))
    in_body(auth)
    assert code(refresh(auth, token)) == "refresh_invalid"
