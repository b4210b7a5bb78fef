"""projects-service: who sees and who changes a building site."""

from __future__ import annotations

import uuid

from tests.defect_control.stack import Person, Stack, code


def test_a_manager_makes_a_site_and_an_engineer_cannot(manager: Person, engineer: Person) -> None:
    body = {"name": "Школа на Лесной", "address": "Лесная, 3", "starts_on": "2026-03-01", "ends_on": "2027-08-01"}
    made = manager.post("/api/projects", json=body)

    assert made.status_code == 201
    assert made.headers["etag"] == '"1"'
    assert [member["user_id"] for member in made.json()["members"]] == [manager.id]
    assert code(engineer.post("/api/projects", json=body)) == "role_forbidden"


def test_a_site_that_ends_before_it_begins_is_refused(manager: Person, project: dict) -> None:
    body = {"name": "Школа", "starts_on": "2026-03-02", "ends_on": "2026-03-01"}

    assert manager.post("/api/projects", json=body).json()["error"]["fields"][0]["code"] == "days_reversed"
    manager.patch(f"/api/projects/{project['id']}", 1, json={"starts_on": "2026-03-02"})
    late = manager.patch(f"/api/projects/{project['id']}", 2, json={"ends_on": "2026-03-01"})
    assert code(late) == "days_reversed"


def test_others_sites_do_not_exist_for_you(stack: Stack, project: dict, administrator: Person) -> None:
    stranger = stack.person("manager")
    path = f"/api/projects/{project['id']}"
    answers = [
        stranger.get(path),
        stranger.patch(path, 1, json={"name": "Моё"}),
        stranger.post(f"{path}/stages", json={"name": "Моё"}),
        stranger.put(f"{path}/members/{stranger.id}"),
        stranger.get(f"/api/projects/{uuid.uuid4()}"),
    ]

    assert {(answer.status_code, code(answer)) for answer in answers} == {(404, "project_not_found")}
    assert stranger.get("/api/projects/names").json() == []
    assert administrator.get(path).status_code == 200


def test_members_see_and_only_leaders_change(engineer: Person, observer: Person, project: dict) -> None:
    path = f"/api/projects/{project['id']}"

    for person in (engineer, observer):
        assert person.get(path).json()["can_edit"] is False
        assert code(person.patch(path, 1, json={"name": "Другое имя"})) == "role_forbidden"
        assert code(person.put(f"{path}/members/{person.id}")) == "role_forbidden"


def test_the_second_of_two_editors_gets_both_versions(manager: Person, administrator: Person, project: dict) -> None:
    path = f"/api/projects/{project['id']}"
    administrator.patch(path, 1, json={"address": "Новая улица, 1"})
    late = manager.patch(path, 1, json={"name": "Дом у реки"})

    assert (late.status_code, code(late)) == (409, "version_conflict")
    assert late.json()["error"]["details"]["current"]["address"] == "Новая улица, 1"
    assert late.json()["error"]["details"]["yours"] == {"version": 1, "changes": {"name": "Дом у реки"}}
    assert code(manager.patch(path, json={"name": "Дом у реки"})) == "if_match_missing"


def test_search_finds_any_case_of_russian_and_takes_wildcards_literally(manager: Person) -> None:
    manager.post("/api/projects", json={"name": "ЖК Ёлочка 100%"})
    manager.post("/api/projects", json={"name": "ЖК Ёлочка 1000"})

    def found(words: str) -> list[str]:
        return [item["name"] for item in manager.get("/api/projects", params={"q": words}).json()["items"]]

    assert found("ёЛОЧКА") == ["ЖК Ёлочка 100%", "ЖК Ёлочка 1000"]
    assert found("100%") == ["ЖК Ёлочка 100%"]
    assert found("_") == []


def test_stages_have_an_order_and_names_of_their_own(manager: Person, project: dict) -> None:
    path = f"/api/projects/{project['id']}/stages"
    first, second = (manager.post(path, json={"name": name}).json() for name in ("Фундамент", "Стены"))

    assert code(manager.post(path, json={"name": "Стены"})) == "stage_name_taken"
    assert manager.patch(f"{path}/{second['id']}", json={"position": 0, "name": "Каркас"}).json()["name"] == "Каркас"
    assert manager.delete(f"{path}/{first['id']}").status_code == 204
    stages = manager.get(f"/api/projects/{project['id']}").json()["stages"]
    assert [stage["name"] for stage in stages] == ["Каркас"]


def test_an_archived_site_is_read_only_until_it_is_taken_back(manager: Person, project: dict) -> None:
    path = f"/api/projects/{project['id']}"
    archived = manager.patch(path, 1, json={"status": "archived"}).json()

    assert code(manager.post(f"{path}/stages", json={"name": "Стены"})) == "project_archived"
    assert code(manager.patch(path, archived["version"], json={"name": "Другое имя"})) == "project_archived"
    assert manager.patch(path, archived["version"], json={"status": "active"}).status_code == 200


def test_a_new_name_and_role_reach_the_memberships(
    administrator: Person, manager: Person, engineer: Person, project: dict
) -> None:
    administrator.patch(f"/api/users/{engineer.id}", json={"full_name": "Пётр Первый", "role": "manager"})
    members = manager.get(f"/api/projects/{project['id']}").json()["members"]

    assert {"Пётр Первый": "manager"}.items() <= {one["full_name"]: one["role"] for one in members}.items()


def test_who_is_no_longer_a_member_sees_nothing(manager: Person, observer: Person, project: dict) -> None:
    path = f"/api/projects/{project['id']}"
    assert manager.delete(f"{path}/members/{observer.id}").status_code == 204

    assert observer.get(path).status_code == 404
    assert code(manager.delete(f"{path}/members/{observer.id}")) == "member_not_found"
    assert code(manager.put(f"{path}/members/{uuid.uuid4()}")) == "user_not_found"
