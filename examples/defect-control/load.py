"""Fifty people at work: what each page asks for, and whether it is answered within a second.

    python load.py --email manager@demo.example --password … [--url URL] [--users 50] [--seconds 30]

Against a running stack that `make seed` has filled, with RATE_DEFECTS and the others raised: all these people sign in
as one. Exit status 1 when a page's 95th percentile is over a second or a call failed. Needs httpx.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections import defaultdict

import httpx

ENOUGH_SECONDS = 1.0
PAGES = {
    "board": ("/api/projects/names", "/api/defects/board"),
    "table": ("/api/defects?size=50&sort=-priority",),
    "search": ("/api/defects?q=трещина",),
    "reports": ("/api/reports/summary",),
}
# A person reads a page for some seconds before the next.
READING_SECONDS = (2, 6)


class Load:
    def __init__(self, url: str, users: int, seconds: float) -> None:
        self.url = url
        self.users = users
        self.seconds = seconds
        self.times: dict[str, list[float]] = defaultdict(list)
        self.failed: dict[str, int] = defaultdict(int)

    async def run(self, email: str, password: str) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False) as client:
            tokens = [await self._sign_in(client, email, password) for _ in range(self.users)]
            end = time.monotonic() + self.seconds
            await asyncio.gather(*(self._person(client, token, end) for token in tokens))

    async def _sign_in(self, client: httpx.AsyncClient, email: str, password: str) -> str:
        body = {"email": email, "password": password, "refresh_in_body": True}
        while True:
            answer = await client.post("/api/auth/login", json=body)
            if answer.status_code != 429:
                return answer.raise_for_status().json()["access_token"]
            await asyncio.sleep(int(answer.headers["retry-after"]))

    async def _person(self, client: httpx.AsyncClient, token: str, end: float) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        await asyncio.sleep(random.uniform(0, READING_SECONDS[0]))
        while time.monotonic() < end:
            name = random.choice([*PAGES, "card"])
            paths = PAGES.get(name) or await self._card(client, headers)
            await asyncio.gather(*(self._timed(client, name, path, headers) for path in paths))
            await asyncio.sleep(random.uniform(*READING_SECONDS))

    async def _card(self, client: httpx.AsyncClient, headers: dict[str, str]) -> tuple[str, ...]:
        listed = (await client.get("/api/defects?size=20", headers=headers)).json()["items"]
        path = f"/api/defects/{random.choice(listed)['id']}"
        return path, f"{path}/comments", f"{path}/history"

    async def _timed(self, client: httpx.AsyncClient, page: str, path: str, headers: dict[str, str]) -> None:
        began = time.perf_counter()
        answer = await client.get(path, headers=headers)
        self.times[page].append(time.perf_counter() - began)
        if answer.status_code != 200:
            self.failed[f"{page}: {answer.status_code}"] += 1

    def report(self) -> bool:
        print(f"{'page':10}{'calls':>7}{'median':>10}{'95 %':>10}{'worst':>10}")
        well = not self.failed
        for page, times in sorted(self.times.items()):
            high = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
            well &= high <= ENOUGH_SECONDS
            median, worst = statistics.median(times), max(times)
            print(f"{page:10}{len(times):7}{median * 1000:7.0f} ms{high * 1000:7.0f} ms{worst * 1000:7.0f} ms")
        for what, count in self.failed.items():
            print(f"failed: {what} ({count} times)")
        return well


def main() -> int:
    parser = argparse.ArgumentParser(description="Fifty people at work")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--email", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    chosen = parser.parse_args()
    load = Load(chosen.url, chosen.users, chosen.seconds)
    asyncio.run(load.run(chosen.email, chosen.password))
    return 0 if load.report() else 1


if __name__ == "__main__":
    sys.exit(main())
