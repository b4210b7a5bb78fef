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
