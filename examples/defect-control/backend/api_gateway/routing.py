"""Which service answers what, under which limit, and for whom. What is not here does not exist outside."""

import re
from dataclasses import dataclass

PREFIX = "/api"
# Ids, words and single dots. No slash in disguise, no `..`: nothing that a service could read in another way than us.
PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)+")


@dataclass(frozen=True)
class Route:
    first: str
    service: str
    limit: str


ROUTES = {
    route.first: route
    for route in (
        Route("auth", "auth", "auth"),
        Route("users", "auth", "users"),
        Route("projects", "projects", "projects"),
        Route("defects", "defects", "defects"),
        Route("filters", "defects", "defects"),
        Route("attachments", "defects", "files"),
        Route("reports", "reports", "reports"),
    )
}
# Nothing to guess here, and every page that is loaded asks: an office behind one address is not to run out.
RENEWING = Route("auth", "auth", "refresh")
WITHOUT_TOKEN = frozenset({"/auth/register", "/auth/login", "/auth/refresh", "/auth/logout"})


def route_of(path: str) -> Route | None:
    """For a path as the service sees it, without `/api`."""
    if path in {"/auth/refresh", "/auth/logout"}:
        return RENEWING
    return ROUTES.get(path.split("/")[1]) if PLAIN_PATH.fullmatch(path) else None
