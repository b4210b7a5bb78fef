"""A demonstration site: people, a project, some weeks of defects with drawn photos. `make seed`.

    python -m service_defects.seed [--defects 48]

Runs in a container of defects-service: people and the site are made through the other services' own API, the defects by
this service's own rules, only with moments of the past. It wants an empty installation and prints how to sign in.
"""

import argparse
import io
import os
import random
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import httpx
from PIL import Image, ImageDraw, ImageFilter

from common.database import Database, now
from common.settings import load
from common.tokens import Identity, Role, Tokens
from service_defects import defects, files
from service_defects.defects import Scene
from service_defects.flow import Priority, Status
from service_defects.models import Attachment
from service_defects.schemas import NewDefect, Transition
from service_defects.settings import DefectsSettings
from service_defects.sites import Site

PEOPLE = (
    ("admin@demo.example", "Смирнова Анна Викторовна", Role.ADMINISTRATOR),
    ("manager@demo.example", "Кузнецов Игорь Павлович", Role.MANAGER),
    ("engineer@demo.example", "Петров Алексей Сергеевич", Role.ENGINEER),
    ("engineer2@demo.example", "Волкова Мария Андреевна", Role.ENGINEER),
    ("customer@demo.example", "Орлов Дмитрий Олегович", Role.OBSERVER),
)
STAGES = ("Фундамент", "Каркас", "Кровля и фасад", "Инженерные сети", "Отделка")
SITE = {
    "name": "ЖК «Северный берег», корпус 2",
    "address": "г. Санкт-Петербург, Приморский пр., 52, корп. 2",
    "customer": "ООО «Северный берег»",
    "description": "Жилой дом, 9 этажей, 72 квартиры, подземная автостоянка.",
    "starts_on": "2026-02-02",
    "ends_on": "2027-09-30",
}
FAULTS: tuple[tuple[str, str, int], ...] = (
    ("Трещина в монолитной стене", "Раскрытие до 0,4 мм, длина около 1,2 м, идёт от угла проёма.", 1),
    ("Протечка примыкания кровли", "После дождя мокрое пятно на плите под примыканием к парапету.", 2),
    ("Отслоение штукатурки", "Простукивается пустота на площади около 0,5 м².", 4),
    ("Не заделан стык труб", "Стык стояка К1 без манжеты, при проливе капает.", 3),
    ("Скол плитки на лестничной площадке", "Скол на кромке ступени, острый край.", 4),
    ("Отклонение перегородки от вертикали", "По уровню 14 мм на 2 м при допуске 5 мм.", 1),
    ("Кабель без гофры", "Участок около 3 м проложен открыто по горючему основанию.", 3),
    ("Продувание оконного блока", "Монтажный шов не заполнен в нижней четверти.", 2),
    ("Оголённая арматура", "Недостаточный защитный слой на нижней грани плиты.", 1),
    ("Неровная стяжка пола", "Перепад 9 мм под двухметровой рейкой.", 4),
    ("Не работает розеточная группа", "Нет напряжения на всей линии, автомат отключается.", 3),
    ("Повреждён утеплитель фасада", "Плиты намокли и отошли от основания.", 2),
    ("Следы коррозии на закладной", "Антикоррозионное покрытие нарушено при сварке.", 0),
    ("Нет уклона к трапу", "Вода стоит у дальней стены санузла.", 4),
    ("Дверь заедает", "Полотно задевает порог, зазор неравномерный.", 4),
)
PLACES = (
    "Секция 1, кв. 12",
    "Секция 1, кв. 34",
    "Секция 2, кв. 57",
    "Секция 2, лестница",
    "Кровля, ось А–Б",
    "Паркинг",
)
COLOURS = ((176, 170, 160), (196, 186, 168), (150, 150, 152), (205, 200, 190))
DAYS = 60
COUNT = 48
# Of a site with thousands: as many a day as crews can record, and photos where they are looked at, on the newest.
MOST_A_DAY = 10
PHOTOGRAPHED = 400
DRAWN = 48

rng = random.Random(20261124)


@dataclass(frozen=True)
class Crew:
    manager: Identity
    engineers: Sequence[Identity]


def main() -> int:
    parser = argparse.ArgumentParser(description="Fill an empty installation with a demonstration site")
    parser.add_argument("--defects", type=int, default=COUNT, help="how many (%(default)s)")
    count = parser.parse_args().defects
    settings = load(DefectsSettings)
    password = os.environ.get("DEMO_PASSWORD") or secrets.token_hex(8)
    auth_url = os.environ.get("AUTH_URL", "http://auth-service:8001")
    with (
        httpx.Client(base_url=auth_url, trust_env=False, timeout=30) as auth,
        httpx.Client(base_url=settings.projects_url, trust_env=False, timeout=30) as projects,
    ):
        return run(settings, auth, projects, password, count)


def run(settings: DefectsSettings, auth: httpx.Client, projects: httpx.Client, password: str, count: int) -> int:
    """Says what came of it, and answers with the exit status."""
    try:
        filled = fill(settings, auth, projects, password, count)
    except httpx.HTTPStatusError as error:
        answer = error.response.json()["error"]
        told = answer["message"] + "".join(f" {field['field']}: {field['message']}" for field in answer["fields"])
        return _fail(f"{error.request.url.host} refused: {told}")
    except httpx.TransportError as error:
        hint = "all services have to run: `izba compose up -d --wait` brings them up, `izba compose ps` shows them"
        return _fail(f"{error.request.url.host} does not answer: {error}", hint)
    if not filled:
        hint = "`make demo-clean` (after `make demo`) or `make empty SURE=yes` removes all that is there"
        return _fail("somebody has registered here already; the demonstration wants an empty installation", hint)
    print(f"{count} defects of {SITE['name']}. Sign in with password {password} as:")
    for email, name, role in PEOPLE:
        print(f"  {email:24} {role:14} {name}")
    return 0


def _fail(message: str, hint: str = "") -> int:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return 1


def fill(settings: DefectsSettings, auth: httpx.Client, projects: httpx.Client, password: str, count: int) -> bool:
    """False, with nothing changed, where somebody has registered already."""
    tokens = Tokens(settings.secret_key)
    headers = {"Authorization": f"Bearer {tokens.service('defects-service')}", "Accept-Language": "en"}
    if auth.get("/internal/installation", headers=headers).raise_for_status().json()["administrator_id"]:
        return False
    # Before the first account: half a site could not be seeded again.
    projects.get("/health").raise_for_status()
    people = _people(auth, password)
    site = _site(projects, tokens, people)
    crew = Crew(people[1], people[2:4])
    database = Database(settings)
    for number in range(count):
        _defect(database, settings, site, crew, number, count)
    database.close()
    return True


def _people(auth: httpx.Client, password: str) -> list[Identity]:
    email, name, _role = PEOPLE[0]
    auth.headers["Accept-Language"] = "en"
    body = {"email": email, "password": password, "full_name": name, "refresh_in_body": True}
    first = auth.post("/auth/register", json=body).raise_for_status().json()
    auth.headers["Authorization"] = f"Bearer {first['access_token']}"
    users = [first["user"]]
    for email, name, role in PEOPLE[1:]:
        body = {"email": email, "password": password, "full_name": name, "role": role}
        users.append(auth.post("/users", json=body).raise_for_status().json())
    return [Identity(UUID(user["id"]), Role(user["role"]), user["full_name"], uuid4()) for user in users]


def _site(projects: httpx.Client, tokens: Tokens, people: Sequence[Identity]) -> Site:
    projects.headers["Authorization"] = f"Bearer {tokens.access(people[1], 60)}"
    path = f"/projects/{projects.post('/projects', json=SITE).raise_for_status().json()['id']}"
    for name in STAGES:
        projects.post(f"{path}/stages", json={"name": name}).raise_for_status()
    for person in people[2:]:
        projects.put(f"{path}/members/{person.user_id}").raise_for_status()
    return Site.model_validate(projects.get(path).raise_for_status().json())


def _defect(database: Database, settings: DefectsSettings, site: Site, crew: Crew, number: int, count: int) -> None:
    """Recorded on some day, then as far along the flow as its age and luck allow."""
    title, description, stage = FAULTS[number % len(FAULTS)]
    days = max(DAYS, count / MOST_A_DAY)
    recorded = now() - timedelta(days=days * (count - number) / count, hours=rng.uniform(0, 9))
    engineer = rng.choice(crew.engineers)
    due = (recorded + timedelta(days=rng.choice((5, 7, 10, 14, 21)))).date()
    body = NewDefect(
        project_id=site.id,
        title=title,
        description=description,
        priority=rng.choices(list(Priority), (2, 5, 3, 1))[0],
        location=rng.choice(PLACES),
        stage_id=site.stages[stage].id,
        assignee_id=engineer.user_id if number < count - 4 else None,
        due_date=due,
    )
    photographed = number % 2 == 0 and number >= count - PHOTOGRAPHED
    photo = files.accept(_photo(number % DRAWN), settings) if photographed else None
    with database.writing() as session:
        scene = _scene(site, crew.manager, recorded)
        defect = defects.create(session, body, scene)
        if photo:
            _attach(session, defect, photo, settings, _scene(site, engineer, recorded + timedelta(minutes=5)))
        for actor, status, reason, at in _way(crew, engineer, recorded):
            defects.move(
                session, defect, Transition(status=status, comment=reason), defect.version, _scene(site, actor, at)
            )
            if status is Status.IN_REVIEW and rng.random() < 0.5:
                defects.comment(session, defect, "Устранено, прошу принять.", _scene(site, actor, at))


def _way(crew: Crew, engineer: Identity, recorded: datetime) -> list[tuple[Identity, Status, str | None, datetime]]:
    moment = recorded + timedelta(hours=rng.uniform(2, 40))
    if rng.random() < 0.08:
        return [(crew.manager, Status.CANCELLED, "Записано повторно, см. соседний дефект.", min(moment, now()))]
    way: list[tuple[Identity, Status, str | None, datetime]] = [(engineer, Status.IN_PROGRESS, None, moment)]
    moment += timedelta(hours=rng.uniform(10, 150))
    way.append((engineer, Status.IN_REVIEW, None, moment))
    if rng.random() < 0.15:
        moment += timedelta(hours=rng.uniform(3, 20))
        way.append((crew.manager, Status.IN_PROGRESS, "Не устранено полностью, доделать.", moment))
        moment += timedelta(hours=rng.uniform(10, 60))
        way.append((engineer, Status.IN_REVIEW, None, moment))
    moment += timedelta(hours=rng.uniform(3, 40))
    way.append((crew.manager, Status.CLOSED, None, moment))
    done = [step for step in way if step[3] < now()]
    return done if rng.random() < 0.75 else done[: rng.randint(0, len(done))]


def _attach(session: Any, defect: Any, photo: files.Accepted, settings: DefectsSettings, scene: Scene) -> None:
    assert photo.size
    attachment = Attachment(
        id=uuid4(),
        defect_id=defect.id,
        filename=f"Дефект {defect.number}.jpg",
        content_type=photo.content_type,
        size=len(photo.content),
        width=photo.size[0],
        height=photo.size[1],
        author_id=scene.asking.user_id,
        author_name=scene.asking.name,
        created_at=scene.at,
    )
    files.store(settings, attachment.id, photo)
    defects.attach(session, defect, attachment, settings.attachments_limit, scene)


def _scene(site: Site, asking: Identity, at: datetime) -> Scene:
    return Scene(site, asking, at.date(), at)


@cache
def _photo(number: int) -> bytes:
    """A wall with its fault: plaster, a crack or a stain, and a ruler to measure it by."""
    width, height = 1280, 960
    base = COLOURS[number % len(COLOURS)]
    noise = Image.effect_noise((width, height), 34).filter(ImageFilter.GaussianBlur(1.2))
    wall = Image.blend(Image.new("RGB", (width, height), base), noise.convert("RGB"), 0.25)
    draw = ImageDraw.Draw(wall)
    if number % 4 == 0:
        _crack(draw, (rng.randint(200, 500), 0), height)
    else:
        wall = _stained(wall, (rng.randint(300, 900), rng.randint(250, 600)), rng.randint(120, 240))
        draw = ImageDraw.Draw(wall)
    draw.rectangle((60, height - 110, 660, height - 60), fill=(232, 205, 90), outline=(90, 80, 40), width=3)
    for mark in range(31):
        tall = 34 if mark % 5 == 0 else 18
        draw.line((60 + mark * 20, height - 110, 60 + mark * 20, height - 110 + tall), fill=(50, 45, 30), width=2)
    result = io.BytesIO()
    wall.save(result, "JPEG", quality=82)
    return result.getvalue()


def _crack(draw: ImageDraw.ImageDraw, start: tuple[int, int], height: int) -> None:
    x, y = start
    while y < height - 160:
        following = (x + rng.randint(-22, 34), y + rng.randint(14, 44))
        draw.line(((x, y), following), fill=(48, 44, 42), width=rng.randint(2, 7))
        if rng.random() < 0.12:
            draw.line(
                (following, (following[0] + rng.randint(30, 110), following[1] + rng.randint(10, 60))), (70, 64, 60), 2
            )
        x, y = following


def _stained(wall: Image.Image, middle: tuple[int, int], radius: int) -> Image.Image:
    mask = Image.new("L", wall.size, 0)
    draw = ImageDraw.Draw(mask)
    for _ in range(14):
        x, y = (place + rng.randint(-radius, radius) // 2 for place in middle)
        spread = rng.randint(radius // 3, radius)
        draw.ellipse((x - spread, y - spread // 2, x + spread, y + spread // 2), fill=150)
    stain = Image.new("RGB", wall.size, (92, 74, 52))
    return Image.composite(stain, wall, mask.filter(ImageFilter.GaussianBlur(26)))


if __name__ == "__main__":
    sys.exit(main())
