"""Photos and documents: what is taken, how it is shown, and that no name or content of it leads astray."""

from __future__ import annotations

import io
from collections.abc import Callable

import httpx
import pytest
from PIL import Image

from tests.defect_control.pictures import photo, png_that_claims, png_with
from tests.defect_control.stack import Person, Stack, code

Record = Callable[..., dict]


def attach(
    person: Person, defect: dict, content: bytes, name: str = "photo.jpg", kind: str = "image/jpeg"
) -> httpx.Response:
    return person.post(f"/api/defects/{defect['id']}/attachments", files={"file": (name, content, kind)})


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_kept_whole_and_has_a_small_preview(engineer: Person, record: Record, image_format: str) -> None:
    content = photo(image_format=image_format)
    made = attach(engineer, record(), content).json()
    original = engineer.get(f"/api/attachments/{made['id']}/content")
    preview = engineer.get(f"/api/attachments/{made['id']}/preview")

    assert (made["width"], made["height"], made["has_preview"]) == (1600, 1200, True)
    assert original.headers["content-type"] == f"image/{image_format.lower()}"
    with Image.open(io.BytesIO(content)) as sent, Image.open(io.BytesIO(original.content)) as kept:
        assert (kept.size, kept.tobytes()) == (sent.size, sent.tobytes())
    assert Image.open(io.BytesIO(preview.content)).size == (640, 480)
    assert preview.headers["content-type"] == "image/jpeg"


def test_a_photo_taken_sideways_is_shown_upright(engineer: Person, record: Record) -> None:
    made = attach(engineer, record(), photo((800, 400), orientation=6)).json()
    preview = engineer.get(f"/api/attachments/{made['id']}/preview")

    assert (made["width"], made["height"]) == (400, 800)
    assert Image.open(io.BytesIO(preview.content)).size == (320, 640)


def test_a_preview_tells_neither_camera_nor_place(engineer: Person, record: Record) -> None:
    content = io.BytesIO()
    Image.new("RGB", (800, 400)).save(content, "JPEG", comment=b"a remark")
    made = attach(engineer, record(), photo((800, 400), camera="Camera of Ivan")).json()
    remarked = attach(engineer, record(), content.getvalue()).json()
    previews = [engineer.get(f"/api/attachments/{one['id']}/preview").content for one in (made, remarked)]

    assert not Image.open(io.BytesIO(previews[0])).getexif()
    assert b"a remark" not in previews[1]


def test_a_picture_that_is_a_page_too_stays_a_picture(engineer: Person, record: Record) -> None:
    made = attach(engineer, record(), photo((64, 64)) + b"<script>alert(1)</script>", "photo.html", "text/html").json()
    shown = engineer.get(f"/api/attachments/{made['id']}/content")

    assert made["filename"] == "photo.html.jpg"
    assert (shown.headers["content-type"], shown.headers["x-content-type-options"]) == ("image/jpeg", "nosniff")
    assert b"<script>" not in shown.content, "what stands behind a picture's end is not of the picture"


def test_a_transparent_picture_gets_a_white_ground(engineer: Person, record: Record) -> None:
    content = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(content, "PNG")
    made = attach(engineer, record(), content.getvalue()).json()
    preview = engineer.get(f"/api/attachments/{made['id']}/preview")

    assert Image.open(io.BytesIO(preview.content)).getpixel((25, 25)) == (255, 255, 255)


def test_a_pdf_is_saved_not_shown(engineer: Person, record: Record) -> None:
    made = attach(engineer, record(), b"%PDF-1.7\n...", "акт.pdf").json()
    content = engineer.get(f"/api/attachments/{made['id']}/content")

    assert made["has_preview"] is False
    assert content.headers["content-disposition"].startswith("attachment")
    assert code(engineer.get(f"/api/attachments/{made['id']}/preview")) == "attachment_not_found"


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        pytest.param(b"<html><script>alert(1)</script>", 415, "file_type_refused", id="html named as a photo"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "file_type_refused", id="svg"),
        pytest.param(b"GIF89a" + bytes(100), 415, "file_type_refused", id="gif"),
        pytest.param(b"", 415, "file_type_refused", id="nothing"),
        pytest.param(photo()[:300], 422, "image_broken", id="cut off"),
        pytest.param(b"\xff\xd8\xff" + bytes(500), 422, "image_broken", id="a photo's first bytes only"),
        pytest.param(png_that_claims(30_000, 30_000), 413, "file_too_large", id="a bomb of 900 megapixels"),
        pytest.param(png_with(b"zTXt", 200 * 2**20), 422, "image_broken", id="a remark that unpacks to 200 MB"),
        pytest.param(png_with(b"iCCP", 200 * 2**20), 422, "image_broken", id="colours that unpack to 200 MB"),
        pytest.param(b"%PDF-1.7" + bytes(512 * 1024), 413, "file_too_large", id="more than the limit"),
        pytest.param(b"%PDF-1.7" + bytes(2**20), 413, "body_too_large", id="much more than the limit"),
    ],
)
def test_what_is_refused_leaves_nothing(
    stack: Stack, engineer: Person, record: Record, content: bytes, status: int, reason: str
) -> None:
    folder = stack.directory / "defects/attachments"
    before = set(folder.iterdir()) if folder.exists() else set()
    defect = record()
    answer = attach(engineer, defect, content)

    assert (answer.status_code, code(answer)) == (status, reason)
    assert (set(folder.iterdir()) if folder.exists() else set()) == before
    assert engineer.get(f"/api/defects/{defect['id']}").json()["attachments_count"] == 0


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../../etc/passwd", "passwd.jpg"),
        ("..\\..\\boot.ini", "boot.ini.jpg"),
        ("/app/data/database.sqlite3", "database.sqlite3.jpg"),
        ("фото стены.JPG", "фото стены.JPG"),
        ("photo.exe", "photo.exe.jpg"),
        ("evil\u202egpj.exe", "evilgpj.exe.jpg"),
        ("..", "file.jpg"),
        ("x" * 400, "x" * 150 + ".jpg"),
    ],
)
def test_a_files_name_is_only_a_name(stack: Stack, engineer: Person, record: Record, given: str, kept: str) -> None:
    """Path traversal: what is stored is found under the attachment's id, whatever the client called it."""
    made = attach(engineer, record(), photo((64, 64)), given).json()

    assert made["filename"] == kept
    assert (stack.directory / "defects/attachments" / made["id"]).is_file()


def test_a_file_is_served_so_that_no_browser_runs_it(engineer: Person, record: Record) -> None:
    made = attach(engineer, record(), photo((64, 64)), 'a"b\r\nX-Evil: 1.jpg').json()
    headers = engineer.get(f"/api/attachments/{made['id']}/content").headers

    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["cache-control"].startswith("private")
    assert "x-evil" not in headers


def test_anothers_attachment_does_not_exist_for_you(stack: Stack, engineer: Person, record: Record) -> None:
    made = attach(engineer, record(), photo((64, 64))).json()
    stranger = stack.person("engineer")
    answers = [stranger.get(f"/api/attachments/{made['id']}/{part}") for part in ("content", "preview")]
    answers.append(stranger.delete(f"/api/attachments/{made['id']}"))

    assert {(answer.status_code, code(answer)) for answer in answers} == {(404, "attachment_not_found")}


def test_the_author_or_a_leader_takes_a_file_away(
    stack: Stack, manager: Person, engineer: Person, record: Record, project: dict
) -> None:
    colleague = stack.person("engineer")
    manager.put(f"/api/projects/{project['id']}/members/{colleague.id}")
    defect = record()
    first, second = (attach(engineer, defect, photo((64, 64))).json() for _ in range(2))

    assert engineer.get(f"/api/defects/{defect['id']}").json()["cover_id"] == first["id"]
    assert code(colleague.delete(f"/api/attachments/{first['id']}")) == "edit_forbidden"
    assert engineer.delete(f"/api/attachments/{first['id']}").status_code == 204
    assert engineer.get(f"/api/defects/{defect['id']}").json()["cover_id"] == second["id"]
    assert manager.delete(f"/api/attachments/{second['id']}").status_code == 204
    assert not list((stack.directory / "defects/attachments").glob(f"{first['id']}*"))
    actions = [event["action"] for event in engineer.get(f"/api/defects/{defect['id']}/history").json()["items"]]
    assert actions == ["detached", "detached", "attached", "attached", "created"]


def test_a_defect_takes_only_so_many_files(
    stack: Stack, engineer: Person, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack.network.apps["defects-service"].state.settings, "attachments_limit", 1)
    defect = record()
    attach(engineer, defect, photo((64, 64)))

    assert code(attach(engineer, defect, photo((64, 64)))) == "attachments_too_many"
