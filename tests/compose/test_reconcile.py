"""Plans as text: what is wanted and what there is, to what is to be done."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from izba.compose.observe import Observed, ObservedContainer
from izba.compose.plan import CREATE, REMOVE, RENAME, START, STOP
from izba.compose.reconcile import Options, reconcile
from izba.compose.teardown import Options as DownOptions
from izba.compose.teardown import teardown
from tests.compose.loading import project

PROJECT = """
services:
  web: {image: web, depends_on: {db: {condition: service_healthy, restart: true}}}
  db: {image: db, volumes: ["data:/data"], healthcheck: {test: "true"}}
volumes: {data: }
"""


def container(service: str, number: int = 1, **facts: object) -> ObservedContainer:
    known = {"status": "running", "config_hash": "same", "image": f"image-of-{service}", "networks": ("p_default",)}
    return ObservedContainer(
        id=f"{service}{number}".ljust(64, "0"), name=f"p-{service}-{number}", service=service, number=number,
        **known | facts,  # type: ignore[arg-type]
    )  # fmt: skip


def observed(*containers: ObservedContainer, networks: tuple[str, ...] = ("p_default",)) -> Observed:
    return Observed(
        containers=containers, networks=frozenset(networks), volumes=frozenset({"p_data"}), own_networks=networks
    )


def options(**changed: object) -> Options:
    return Options(
        hashes={"web": "same", "db": "same"},
        images={"web": "image-of-web", "db": "image-of-db"},
        **changed,  # type: ignore[arg-type]
    )


def lines(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_nothing_is_there(tmp_path: Path) -> None:
    plan = reconcile(project(tmp_path, PROJECT), Observed(), options())

    assert str(plan) == lines("""
        #1 network:default, CreateNetwork, it is not there
        #2 volume:data, CreateVolume, it is not there
        [1,2] -> #3 service:db:1, CreateContainer, no existing container
        [1,2,3] -> #4 service:db:1, StartContainer, it was made
        [1] -> #5 service:web:1, CreateContainer, no existing container
        [4] -> #6 service:db, WaitFor service_healthy, web depends on it
        [1,5,6] -> #7 service:web:1, StartContainer, it was made
        """)


def test_no_subnet_is_chosen_before_those_that_are_stated_are_taken(tmp_path: Path) -> None:
    text = """
        services: {web: {image: web, networks: [any, mine, other]}}
        networks: {any: , mine: {ipam: {config: [{subnet: 172.28.0.0/16}]}}, other: }
        """

    plan = reconcile(project(tmp_path, text), Observed(), options(start=False))

    assert str(plan) == lines("""
        #1 network:mine, CreateNetwork, it is not there
        [1] -> #2 network:any, CreateNetwork, it is not there
        [1] -> #3 network:other, CreateNetwork, it is not there
        [1,2,3] -> #4 service:web:1, CreateContainer, no existing container
        """)


def test_all_is_as_it_is_wanted(tmp_path: Path) -> None:
    plan = reconcile(project(tmp_path, PROJECT), observed(container("web"), container("db")), options())

    assert str(plan) == ""


def test_one_is_stopped(tmp_path: Path) -> None:
    there = observed(container("web", status="exited"), container("db"))

    assert str(reconcile(project(tmp_path, PROJECT), there, options())) == lines("""
        #1 service:db, WaitFor service_healthy, web depends on it
        [1] -> #2 service:web:1, StartContainer, it is exited
        """)


def test_a_configuration_changed(tmp_path: Path) -> None:
    there = observed(container("web", config_hash="old"), container("db"))

    assert str(reconcile(project(tmp_path, PROJECT), there, options())) == lines("""
        #1 service:web:1, CreateContainer, its configuration changed
        [1] -> #2 service:web:1, StopContainer, it is replaced
        [2] -> #3 service:web:1, RemoveContainer, it is replaced
        [3] -> #4 service:web:1, RenameContainer, it takes the old one's place
        #5 service:db, WaitFor service_healthy, web depends on it
        [4,5] -> #6 service:web:1, StartContainer, it was made
        """)


def test_a_dependency_is_replaced_and_its_dependent_wants_to_be_restarted(tmp_path: Path) -> None:
    there = observed(container("web"), container("db", image="old"))

    assert str(reconcile(project(tmp_path, PROJECT), there, options())) == lines("""
        #1 service:db:1, CreateContainer, its image changed
        [1] -> #2 service:db:1, StopContainer, it is replaced
        [2] -> #3 service:db:1, RemoveContainer, it is replaced
        [3] -> #4 service:db:1, RenameContainer, it takes the old one's place
        [4] -> #5 service:db:1, StartContainer, it was made
        [5] -> #6 service:db, WaitFor service_healthy, web depends on it
        [6] -> #7 service:web:1, StopContainer, db is replaced, and it is to be restarted with it
        [6,7] -> #8 service:web:1, StartContainer, it was stopped for this
        """)


def test_scaling_up_fills_the_gaps(tmp_path: Path) -> None:
    there = observed(container("web", 1), container("web", 3), container("db"))

    plan = reconcile(project(tmp_path, PROJECT), there, options(scale={"web": 4}))

    made = [(each.kind, each.name) for each in plan.operations if each.kind == "CreateContainer"]
    assert made == [("CreateContainer", "p-web-2"), ("CreateContainer", "p-web-4")]


def test_scaling_down_takes_the_highest_numbers(tmp_path: Path) -> None:
    there = observed(*(container("web", number) for number in (1, 2, 3)), container("db"))

    assert str(reconcile(project(tmp_path, PROJECT), there, options(scale={"web": 1}))) == lines("""
        #1 service:web:3, StopContainer, 1 of web are wanted
        [1] -> #2 service:web:3, RemoveContainer, 1 of web are wanted
        #3 service:web:2, StopContainer, 1 of web are wanted
        [3] -> #4 service:web:2, RemoveContainer, 1 of web are wanted
        """)


def test_orphans_stay_unless_they_are_to_go(tmp_path: Path) -> None:
    there = observed(container("web"), container("db"), container("old", status="exited"))

    assert reconcile(project(tmp_path, PROJECT), there, options()).orphans == ("p-old-1",)
    assert str(reconcile(project(tmp_path, PROJECT), there, options(remove_orphans=True))) == lines("""
        #1 service:old:1, RemoveContainer, its service is no part of the project
        """)


@pytest.mark.parametrize(("how", "count"), [("never", 0), ("always", 2), ("changed", 1)])
def test_how_much_is_made_anew(tmp_path: Path, how: str, count: int) -> None:
    there = observed(container("web", config_hash="old"), container("db"))

    plan = reconcile(project(tmp_path, PROJECT), there, options(recreate=how))

    assert sum(each.kind == "CreateContainer" for each in plan.operations) == count


TEMPORARY = "web100000000_p-web-1"


def made(**facts: object) -> ObservedContainer:
    """What a replacement of web's first container has made."""
    return container("web", **{"status": "created", **facts}).replace(id="f" * 64, name=TEMPORARY)


@pytest.mark.parametrize("how", ["changed", "always"])
def test_an_interrupted_replacement_is_finished(tmp_path: Path, how: str) -> None:
    there = observed(container("web", config_hash="old"), made(), container("db"))

    plan = reconcile(project(tmp_path, PROJECT), there, options(recreate=how, fixed=frozenset({"db"})))

    assert str(plan) == lines("""
        #1 service:web:1, StopContainer, it is replaced
        [1] -> #2 service:web:1, RemoveContainer, it is replaced
        [2] -> #3 service:web:1, RenameContainer, it takes the old one's place
        #4 service:db, WaitFor service_healthy, web depends on it
        [3,4] -> #5 service:web:1, StartContainer, it was made
        """)
    assert (plan.operations[2].old, plan.operations[2].name) == (TEMPORARY, "p-web-1")


def test_an_interrupted_replacement_goes_on_with_the_old_one_stopped(tmp_path: Path) -> None:
    there = observed(container("web", status="exited"), made(), container("db"))

    assert str(reconcile(project(tmp_path, PROJECT), there, options())) == lines("""
        #1 service:web:1, RemoveContainer, it is replaced
        [1] -> #2 service:web:1, RenameContainer, it takes the old one's place
        #3 service:db, WaitFor service_healthy, web depends on it
        [2,3] -> #4 service:web:1, StartContainer, it was made
        """)


def test_an_interrupted_replacement_lacks_but_the_name(tmp_path: Path) -> None:
    assert str(reconcile(project(tmp_path, PROJECT), observed(made(), container("db")), options())) == lines("""
        #1 service:web:1, RenameContainer, an interrupted replacement left it without its name
        #2 service:db, WaitFor service_healthy, web depends on it
        [1,2] -> #3 service:web:1, StartContainer, it is created
        """)


@pytest.mark.parametrize(
    ("facts", "changed"),
    [
        ({"config_hash": "of another file"}, {}),
        ({"image": "an old one"}, {}),
        ({"status": "running"}, {}),
        ({"anonymous_volumes": ()}, {}),
        ({}, {"renew_volumes": True}),
    ],
)
def test_what_is_not_what_would_be_made_now_does_not_take_the_place(
    tmp_path: Path, facts: dict[str, object], changed: dict[str, object]
) -> None:
    """The one that is made anew has its name, and goes on with the volumes of the one that is there."""
    old = container("web", anonymous_volumes=("a",))
    there = observed(old, made(**{"anonymous_volumes": ("a", "b"), **facts}), container("db"))

    plan = reconcile(project(tmp_path, PROJECT), there, options(**changed))

    of_web = [each for each in plan.operations if each.service == "web"]
    removal, creation = (next(each for each in of_web if each.kind == kind) for kind in (REMOVE, CREATE))
    assert (removal.name, removal.cause) == (TEMPORARY, "an interrupted replacement left it")
    assert removal.number in creation.needs
    assert (creation.name, creation.old) == (TEMPORARY, old.id)
    assert [(each.kind, each.name) for each in of_web[-4:]] == [
        (STOP, "p-web-1"), (REMOVE, "p-web-1"), (RENAME, "p-web-1"), (START, "p-web-1")
    ]  # fmt: skip


def test_where_nothing_is_to_be_replaced_an_interrupted_replacement_is_cleared_away(tmp_path: Path) -> None:
    """The old one may have been asked to end, and would do so after the command."""
    there = observed(container("web", config_hash="old"), made(), container("db"))

    assert str(reconcile(project(tmp_path, PROJECT), there, options(recreate="never"))) == lines("""
        #1 service:web:1, RemoveContainer, an interrupted replacement left it
        #2 service:db, WaitFor service_healthy, web depends on it
        [2] -> #3 service:web:1, StopContainer, it may have been asked to end: its replacement was interrupted
        [2,3] -> #4 service:web:1, StartContainer, it was stopped for this
        """)


def test_who_is_too_many_goes_with_what_was_to_replace_it(tmp_path: Path) -> None:
    there = observed(container("web", config_hash="old"), made(), container("db"))

    plan = reconcile(project(tmp_path, PROJECT), there, options(scale={"web": 0}))

    assert [(each.kind, each.name) for each in plan.operations] == [
        (STOP, "p-web-1"), (REMOVE, "p-web-1"), (REMOVE, TEMPORARY)
    ]  # fmt: skip


def test_the_same_values_give_the_same_plan(tmp_path: Path) -> None:
    there = observed(container("web", config_hash="old"), container("db"))
    first = project(tmp_path, PROJECT)

    assert reconcile(first, there, options()) == reconcile(project(tmp_path, PROJECT), there, options())


def test_down_stops_dependents_first(tmp_path: Path) -> None:
    there = observed(container("db"), container("web", depends_on=("db",)))

    assert str(teardown(there, DownOptions(volumes=True))) == lines("""
        #1 service:web:1, StopContainer, the project ends
        [1] -> #2 service:web:1, RemoveContainer, the project ends
        [1] -> #3 service:db:1, StopContainer, the project ends
        [3] -> #4 service:db:1, RemoveContainer, the project ends
        [1,3] -> #5 network:p_default, RemoveNetwork, the project ends
        """)


def test_down_of_one_service_leaves_the_rest(tmp_path: Path) -> None:
    there = observed(container("db"), container("web", depends_on=("db",)))

    plan = teardown(there, DownOptions(services=frozenset({"web"})))

    assert {each.service for each in plan.operations} == {"web"}
    assert all(each.kind != "RemoveNetwork" for each in plan.operations)
