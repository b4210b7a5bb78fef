"""Fifty people at work: what each page asks for, and whether it is answered within a second.

    python load.py --email admin@demo.example --password … [--url URL] [--people 50] [--seconds 30] [--site NAME]

Against a running stack, through the page's port as browsers do. The administrator named makes the people, each with an
account, a role and a site of ten, or all of them the site that is named; engineers record defects with photos; then
everybody signs in and goes from page to page, reading for some seconds in between. Limits of requests stay as they are,
since they are counted by person; only signing in is counted by address: RATE_AUTH=1000, or all of them wait for their
turn.

Ends by itself. Exit status 1 when a page's 95th percentile is over a second, or a call failed. Needs httpx and Pillow.
"""

import argparse
import asyncio
import io
import json
import random
import secrets
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from PIL import Image

ENOUGH_SECONDS = 1.0
SITE_OF = ("manager", *["engineer"] * 7, *["observer"] * 2)
# All arrive within some seconds; a person then reads a page for a while before the next.
ARRIVING_SECONDS = 5
READING_SECONDS = (2, 6)
COVERS_IN_SIGHT = 6
CONFLICT = 409
WORDS = ("Трещина в стяжке", "Протечка стояка", "Скол плитки", "Нет уклона к трапу", "Кабель без гофры")
NEXT = {"new": "in_progress", "in_progress": "in_review", "in_review": "closed"}


@dataclass
class Watch:
    """Seconds of each call by page, and what was refused."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, dict[str, float]]:
        return {page: _figures(calls) for page, calls in sorted(self.seconds.items())}

    @property
    def well(self) -> bool:
        return not self.failed and all(page["p95"] <= ENOUGH_SECONDS for page in self.summary().values())


class Person:
    """One browser: connections, a token and a cache of pictures of its own."""

    def __init__(self, url: str, email: str, password: str, watch: Watch) -> None:
        limits = httpx.Limits(max_connections=6)
        self.http = httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, limits=limits)
        self.email = email
        self.role = ""
        self.id = ""
        self.site = ""
        self._password = password
        self._watch = watch
        self._seen: set[str] = set()

    async def call(self, method: str, path: str, *, page: str | None = None, **content: Any) -> Any:
        """The answer's document; timed when it belongs to a page."""
        began = time.perf_counter()
        answer = await self.http.request(method, path, **content)
        while answer.status_code == 429 and page is None:  # preparing may wait for its turn
            await asyncio.sleep(int(answer.headers["retry-after"]))
            answer = await self.http.request(method, path, **content)
        if page is None:
            answer.raise_for_status()
        else:
            self._watch.seconds[page].append(time.perf_counter() - began)
            if answer.status_code == CONFLICT:  # a colleague was quicker, and this person is told so
                raise Refused
            if not answer.is_success:
                self._watch.failed[f"{page}: {method} {path.partition('?')[0]}: {answer.status_code}"] += 1
                raise Refused
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.json() if is_json else None

    async def sign_in(self, page: str | None = None) -> None:
        body = {"email": self.email, "password": self._password, "refresh_in_body": True}
        session = await self.call("POST", "/api/auth/login", page=page, json=body)
        self.http.headers["Authorization"] = f"Bearer {session['access_token']}"
        self.role, self.id = session["user"]["role"], session["user"]["id"]

    # What a page asks for when it opens, in the page's own order; what stands in one `gather` it asks for at once.

    async def board(self) -> None:
        filters = self.call("GET", "/api/filters", page="board")
        board = self.call("GET", "/api/defects/board?per_column=50", page="board")
        _, shown = await asyncio.gather(filters, board)
        await self._pictures("board", [item for column in shown["columns"] for item in column["items"]])

    async def table(self) -> None:
        sort = random.choice(("-updated_at", "-priority", "due_date"))
        filters = self.call("GET", "/api/filters", page="table")
        await asyncio.gather(filters, self.call("GET", f"/api/defects?sort={sort}&page=1&size=25", page="table"))

    async def search(self) -> None:
        word = random.choice(WORDS).split()[0]
        await self.call("GET", f"/api/defects?q={word}&sort=-updated_at&page=1&size=25", page="search")

    async def card(self) -> None:
        some = await self._some_defect("card")
        if some is None:
            return
        path = f"/api/defects/{some['id']}"
        defect, _comments, _history = await asyncio.gather(
            self.call("GET", path, page="card"),
            self.call("GET", f"{path}/comments?page=1&size=100", page="card"),
            self.call("GET", f"{path}/history?page=1&size=100", page="card"),
        )
        await self._pictures("card", [defect])
        if self.role != "observer" and random.random() < 0.3:
            await self.call("POST", f"{path}/comments", page="card", json={"text": "Вижу, сделаем до пятницы."})

    async def record(self) -> None:
        await self.call("GET", "/api/projects/names", page="record")
        await self.new_defect("record")

    async def move(self) -> None:
        defect = await self._some_defect("move", "&assignee_id=" + self.id if self.role == "engineer" else "")
        following = NEXT.get(defect["status"]) if defect else None
        if following is None or (following == "closed" and self.role == "engineer"):
            return
        headers = {"If-Match": f'"{defect["version"]}"'}
        path = f"/api/defects/{defect['id']}/transition"
        await self.call("POST", path, page="move", json={"status": following}, headers=headers)

    async def projects(self) -> None:
        await self.call("GET", "/api/projects?status=active&sort=name&page=1&size=24", page="projects")
        await self.call("GET", f"/api/projects/{self.site}", page="projects")

    async def reports(self) -> None:
        await asyncio.gather(
            self.call("GET", "/api/projects/names", page="reports"),
            self.call("GET", "/api/reports/summary", page="reports"),
            self.call("GET", "/api/reports/overdue?size=10", page="reports"),
        )

    async def administration(self) -> None:
        await self.call("GET", "/api/users?page=1&size=25", page="administration")
        await self.call("GET", "/api/users?is_active=true&size=50", page="administration")

    async def new_defect(self, page: str | None = None) -> None:
        body = {"project_id": self.site, "title": random.choice(WORDS), "location": f"Этаж {random.randint(1, 9)}"}
        defect = await self.call("POST", "/api/defects", page=page, json=body)
        if page is not None or random.random() < 0.3:
            photo = {"file": ("photo.jpg", PHOTO, "image/jpeg")}
            await self.call("POST", f"/api/defects/{defect['id']}/attachments", page=page, files=photo)

    async def _some_defect(self, page: str, condition: str = "") -> Any:
        listed = await self.call("GET", f"/api/defects?sort=-updated_at&page=1&size=25{condition}", page=page)
        return random.choice(listed["items"] or [None])

    async def _pictures(self, page: str, defects: list[dict[str, Any]]) -> None:
        """Those in sight, once: browsers keep them for a day."""
        covers = [one["cover_id"] for one in defects if one["cover_id"] and one["cover_id"] not in self._seen]
        self._seen.update(covers[:COVERS_IN_SIGHT])
        calls = [self.call("GET", f"/api/attachments/{id}/preview", page=page) for id in covers[:COVERS_IN_SIGHT]]
        await asyncio.gather(*calls)

    def pages(self) -> tuple[list[Callable[[], Awaitable[None]]], list[int]]:
        """Where this person goes, and how often."""
        usual = [(self.board, 5), (self.table, 3), (self.search, 2), (self.card, 6), (self.projects, 1)]
        if self.role != "observer":
            usual += [(self.move, 2), (self.record, 3)]
        if self.role != "engineer":
            usual.append((self.reports, 3))
        if self.role in {"manager", "administrator"}:
            usual.append((self.administration, 2))
        return [page for page, _ in usual], [weight for _, weight in usual]

    async def work(self, end: float) -> None:
        await asyncio.sleep(random.uniform(0, ARRIVING_SECONDS))
        await self.sign_in(page="sign-in")
        pages, weights = self.pages()
        page = pages[-1]  # what their role alone has comes first, so that nothing is left out however short it is
        while time.monotonic() < end:
            try:
                await page()
            except Refused:
                pass  # counted; the person goes on to another page
            await asyncio.sleep(random.uniform(*READING_SECONDS))
            page = random.choices(pages, weights)[0]


class Refused(Exception):
    pass


async def prepare(
    url: str, email: str, password: str, count: int, defects: int, site: str | None, watch: Watch
) -> list[Person]:
    """Accounts, sites, memberships, defects. Nobody waits for these: they are not measured."""
    run = secrets.token_hex(3)

    async def employ(by: Person, name: str, role: str) -> Person:
        body = {"email": f"load-{run}-{name}@example.com", "password": secrets.token_hex(8), "role": role}
        await by.call("POST", "/api/users", json={**body, "full_name": f"Нагрузкин {run} {name}"})
        person = Person(url, body["email"], body["password"], watch)
        await person.sign_in()
        return person

    administrator = Person(url, email, password, watch)
    await administrator.sign_in()
    # Whoever makes fifty accounts has used up their minute's calls: not the one who was named to us.
    personnel = await employ(administrator, "personnel", "administrator")
    roles = [SITE_OF[number % len(SITE_OF)] if number != 9 else "administrator" for number in range(count)]
    people = [await employ(personnel, str(number), role) for number, role in enumerate(roles)]
    if site is None:
        sites = [people[begin : begin + len(SITE_OF)] for begin in range(0, count, len(SITE_OF))]
        await asyncio.gather(*(_site(of_it, defects) for of_it in sites))
    else:
        await _join(site, personnel, people, defects)
    await administrator.http.aclose()
    await personnel.http.aclose()
    return people


async def _site(people: list[Person], defects: int) -> None:
    """The first of them leads it."""
    site = await people[0].call("POST", "/api/projects", json={"name": f"Площадка {people[0].email}"})
    await _work_at(site["id"], people[0], people, defects)


async def _join(name: str, by: Person, people: list[Person], defects: int) -> None:
    known = {site["name"]: site["id"] for site in await by.call("GET", "/api/projects/names")}
    if name not in known:
        sys.exit(f"error: there is no site {name}; there are: {', '.join(known)}")
    await _work_at(known[name], by, people, defects)


async def _work_at(site_id: str, by: Person, people: list[Person], defects: int) -> None:
    for one in people:
        one.site = site_id
        await by.call("PUT", f"/api/projects/{one.site}/members/{one.id}")
    for one in people:
        for _ in range(defects if one.role == "engineer" else 0):
            await one.new_defect()


async def run(
    url: str, email: str, password: str, *, count: int, defects: int, site: str | None, seconds: float
) -> Watch:
    watch = Watch()
    people = await prepare(url, email, password, count, defects, site, watch)
    end = time.monotonic() + seconds
    await asyncio.gather(*(one.work(end) for one in people))
    for one in people:
        await one.http.aclose()
    return watch


def _photo() -> bytes:
    target = io.BytesIO()
    Image.effect_noise((1024, 768), 60).convert("RGB").save(target, "JPEG", quality=70)
    return target.getvalue()


PHOTO = _photo()


def _figures(calls: list[float]) -> dict[str, float]:
    high = statistics.quantiles(calls, n=20, method="inclusive")[-1] if len(calls) > 1 else calls[0]
    return {"calls": len(calls), "median": statistics.median(calls), "p95": high, "worst": max(calls)}


def main() -> int:
    parser = argparse.ArgumentParser(description="People at work, each with an account of their own")
    parser.add_argument("--url", default="http://127.0.0.1:3000")
    parser.add_argument("--email", required=True, help="of an administrator")
    parser.add_argument("--password", required=True)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--defects", type=int, default=10, help="that each engineer has recorded before")
    parser.add_argument("--site", help="where all of them work, by name; otherwise sites of ten are made")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", action="store_true", help="for programs")
    chosen = parser.parse_args()
    bounds = {"count": chosen.people, "defects": chosen.defects, "site": chosen.site, "seconds": chosen.seconds}
    watch = asyncio.run(run(chosen.url, chosen.email, chosen.password, **bounds))
    if chosen.json:
        print(json.dumps({"pages": watch.summary(), "failed": watch.failed}))
    else:
        print(f"{'page':15}{'calls':>7}{'median':>10}{'95 %':>10}{'worst':>10}")
        for page, told in watch.summary().items():
            figures = "".join(f"{told[name] * 1000:7.0f} ms" for name in ("median", "p95", "worst"))
            print(f"{page:15}{told['calls']:7}{figures}")
        for what, times in watch.failed.items():
            print(f"failed: {what} ({times} times)")
    return 0 if watch.well else 1


if __name__ == "__main__":
    sys.exit(main())
