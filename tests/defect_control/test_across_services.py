"""The way of a defect through all five applications, as the page takes it."""

from __future__ import annotations

import io

import openpyxl

from tests.defect_control.pictures import photo
from tests.defect_control.stack import Person, Stack


def test_a_defect_goes_from_a_photo_on_site_to_a_line_in_the_report(
    stack: Stack, manager: Person, engineer: Person, project: dict
) -> None:
    body = {
        "project_id": project["id"],
        "title": "Протечка в санузле",
        "priority": "high",
        "location": "Секция 1, кв. 12",
    }
    defect = engineer.post("/api/defects", json=body).json()
    engineer.post(f"/api/defects/{defect['id']}/attachments", files={"file": ("фото.jpg", photo(), "image/jpeg")})
    for person, status in ((engineer, "in_progress"), (engineer, "in_review"), (manager, "closed")):
        answer = person.move(defect, status)
        assert answer.status_code == 200, answer.text
        defect = answer.json()

    summary = manager.get("/api/reports/summary", params={"project_id": project["id"]}).json()
    workbook = manager.get("/api/reports/export.xlsx", params={"project_id": project["id"]}).content
    rows = list(openpyxl.load_workbook(io.BytesIO(workbook)).worksheets[0].iter_rows(values_only=True))

    assert defect["assignee_name"] == engineer.name
    assert summary["totals"]["closed"] == 1
    assert summary["by_assignee"][0]["assignee_name"] == engineer.name
    assert rows[1][:4] == (1, project["name"], "Протечка в санузле", "Закрыт")


def test_no_route_shows_or_changes_what_belongs_to_a_site_that_one_is_no_member_of(
    stack: Stack, manager: Person, engineer: Person, project: dict
) -> None:
    """IDOR: every route of the description that takes an id, with ids of somebody else's, for each role but the top."""
    defect = engineer.post("/api/defects", json={"project_id": project["id"], "title": "Не для чужих"}).json()
    files = {"file": ("photo.jpg", photo((64, 64)), "image/jpeg")}
    ids = {
        "project_id": project["id"],
        "defect_id": defect["id"],
        "stage_id": manager.post(f"/api/projects/{project['id']}/stages", json={"name": "Каркас"}).json()["id"],
        "attachment_id": engineer.post(f"/api/defects/{defect['id']}/attachments", files=files).json()["id"],
        "filter_id": manager.post("/api/filters", json={"name": "Мой", "query": {}}).json()["id"],
        "user_id": engineer.id,
    }
    strangers = {role: stack.person(role) for role in ("observer", "engineer", "manager")}
    before = _all_of_it(manager, ids)
    tried = 0
    for path, item in stack.client().get("/openapi.json").json()["paths"].items():
        # People are administrators' matter (test_auth.py); a manager may see whom to add to a site.
        if "{" not in path or path == "/api/users/{user_id}":
            continue
        for method in item:
            for role, stranger in strangers.items():
                answer = stranger.request(method.upper(), path.format(**ids), **_sensible(method, path))
                assert answer.status_code in ({403, 404} if role == "observer" else {404}), (method, path, role)
                assert "Не для чужих" not in answer.text
                tried += 1

    assert tried >= 3 * 18
    assert _all_of_it(manager, ids) == before


def _sensible(method: str, path: str) -> dict[str, object]:
    """What the route would do, were it one's own."""
    if path.endswith("/attachments"):
        return {"files": {"file": ("a.pdf", b"%PDF-1.7", "application/pdf")}}
    bodies = {
        "transition": {"status": "in_progress"},
        "comments": {"text": "!"},
        "stages": {"name": "Чужой"},
        "{stage_id}": {"name": "Чужой"},
        "{project_id}": {"name": "Чужой"},
        "{defect_id}": {"title": "Чужой"},
        "{filter_id}": {"name": "Чужой", "query": {}},
    }
    body = bodies.get(path.rpartition("/")[2]) if method in {"post", "put", "patch"} else None
    return {"headers": {"If-Match": '"1"'}} | ({"json": body} if body else {})


def _all_of_it(manager: Person, ids: dict[str, str]) -> list[object]:
    defect = f"/api/defects/{ids['defect_id']}"
    paths = (f"/api/projects/{ids['project_id']}", defect, f"{defect}/comments", f"{defect}/history", "/api/filters")
    return [manager.get(path).json() for path in paths]
