"""Images as the engine gives them: listing, filters, inspection, history, names, removal, pruning."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from izba.engine.engine import Engine
from izba.engine.images.filters import InvalidFilter, image_filter, matches
from izba.engine.images.remove import ImageInUse, NameInUse, Removed
from izba.errors import InvalidArgument
from izba.image.stored import AmbiguousId, ImageNotFound, find, find_row
from izba.oci.reference import InvalidReference, Reference, familiar
from tests.support.layers import load, tar

pytestmark = pytest.mark.root

ONE = tar({"one": b"1"})
TWO = tar({"two": b"2"})
YEAR = 365 * 86400 * 10**9


def _tags(engine: Engine, **values: tuple[str, ...]) -> list[str]:
    images = engine.images.list(image_filter(engine.store, values))
    return [familiar(name) for image in images for name in image.tags or ("<none>",)]


def _lines(removed: list[Removed]) -> list[str]:
    return [f"{each.kind} {each.what}" for each in removed]


# -- finding


def test_an_image_is_found_by_every_way_to_say_it(engine: Engine) -> None:
    image = load(engine.store, [ONE], "app:1")
    digits = image.id.hex

    for name in ("app:1", "docker.io/library/app:1", image.id, digits, digits[:12], digits[:3], f"sha256:{digits[:9]}"):
        found = find(engine.store, name)
        assert found is not None, name
        assert found.id == image.id
    assert find(engine.store, f"app@{image.descriptor.digest}") is not None
    for name in ("app", "other", "app:2", "f" * 64, f"other@{image.descriptor.digest}"):
        assert find(engine.store, name) is None, name


def test_a_name_goes_before_the_beginning_of_an_id(engine: Engine) -> None:
    first = load(engine.store, [ONE], "one")
    second = load(engine.store, [TWO], first.id.hex[:6])

    found = find(engine.store, first.id.hex[:6])

    assert found is not None
    assert found.id == second.id


def test_a_prefix_of_two_ids_is_ambiguous(engine: Engine) -> None:
    seen: dict[str, str] = {}
    for number in range(17):
        id = load(engine.store, [ONE], f"app:{number}", created=f"2024-01-{number + 1:02}T00:00:00Z").id
        if id.hex[0] in seen:
            with pytest.raises(AmbiguousId):
                find_row(engine.store, id.hex[0])
            return
        seen[id.hex[0]] = id


def test_what_is_not_there_is_named_in_dockers_words(engine: Engine) -> None:
    with pytest.raises(ImageNotFound, match=r"^No such image: nothing:latest$"):
        engine.images.require("nothing")
    with pytest.raises(InvalidReference):
        engine.images.require("No/Such")


# -- listing


def test_images_are_listed_with_the_latest_first(engine: Engine) -> None:
    load(engine.store, [ONE], "old", created="2020-01-01T00:00:00Z")
    load(engine.store, [ONE], "new", created="2024-01-01T00:00:00.5Z")
    load(engine.store, [ONE], "newer", created="2024-01-01T00:00:00.6Z")
    load(engine.store, [ONE], "timeless", created="")

    assert _tags(engine) == ["newer:latest", "new:latest", "old:latest", "timeless:latest"]


def test_a_name_that_moves_leaves_a_dangling_image(engine: Engine) -> None:
    old = load(engine.store, [ONE], "app")
    new = load(engine.store, [TWO], "app")

    assert {image.id: image.is_dangling for image in engine.images.list()} == {old.id: True, new.id: False}
    assert _tags(engine, dangling=("true",)) == ["<none>"]
    assert _tags(engine, dangling=("false",)) == ["app:latest"]


def test_images_are_filtered(engine: Engine) -> None:
    load(engine.store, [ONE], "user/one:1", created="2020-01-01T00:00:00Z", config={"Labels": {"tier": "web"}})
    load(engine.store, [ONE], "two:2", created="2021-01-01T00:00:00Z", config={"Labels": {"tier": "db", "x": ""}})
    load(engine.store, [ONE], "three:3", created="2022-01-01T00:00:00Z")

    assert _tags(engine, label=("tier",)) == ["two:2", "user/one:1"]
    assert _tags(engine, label=("tier=web",)) == ["user/one:1"]
    assert _tags(engine, label=("tier", "x")) == ["two:2"]
    assert _tags(engine, before=("two:2",)) == ["user/one:1"]
    assert _tags(engine, since=("two:2",)) == ["three:3"]
    older = image_filter(engine.store, {}, until=[52 * YEAR, 60 * YEAR])
    assert [image.tags[0] for image in engine.images.list(older)] == [
        "docker.io/library/two:2",
        "docker.io/user/one:1",
    ]
    assert _tags(engine, reference=("t*",)) == ["three:3", "two:2"]
    assert _tags(engine, reference=("*/*",)) == ["user/one:1"]
    assert _tags(engine, reference=("two:2", "*:3")) == ["three:3", "two:2"]
    with pytest.raises(InvalidFilter):
        _tags(engine, dangling=("perhaps",))
    with pytest.raises(ImageNotFound):
        _tags(engine, before=("nothing",))


def test_a_filter_by_name_shows_only_the_names_that_pass(engine: Engine) -> None:
    load(engine.store, [ONE], "app:1")
    engine.images.tag("app:1", "other:2")

    assert _tags(engine, reference=("other",)) == ["other:2"]


@pytest.mark.parametrize(
    ("pattern", "name", "passes"),
    [("a*", "abc", True), ("a*", "a/b", False), ("*/*", "a/b", True), ("a[^b]c", "axc", True), ("a?c", "a/c", False)],
)
def test_patterns_are_gos(pattern: str, name: str, passes: bool) -> None:
    assert matches(pattern, name) is passes


# -- inspect and history


def test_inspect_tells_an_image_as_dockers_api_does(engine: Engine) -> None:
    image = load(
        engine.store,
        [ONE, TWO],
        "app:1",
        config={"Env": ["A=1"], "ExposedPorts": {"80/tcp": {}}, "Labels": {"a": "b"}},
        author="me",
        variant="v2",
    )
    engine.images.tag("app:1", "other")

    found = engine.images.inspect("app:1")

    assert found["Id"] == image.id
    assert found["RepoTags"] == ["app:1", "other:latest"]
    assert (found["Architecture"], found["Variant"], found["Os"], found["Author"]) == ("amd64", "v2", "linux", "me")
    assert found["Created"] == "2024-02-29T12:00:00Z"
    assert found["RootFS"] == {"Type": "layers", "Layers": list(image.diff_ids)}
    assert found["Size"] == len(ONE) + len(TWO)
    assert found["Config"]["Env"] == ["A=1"]
    assert found["Config"]["Cmd"] is None
    assert found["Config"]["ExposedPorts"] == {"80/tcp": {}}
    assert found["GraphDriver"]["Name"] == "overlay"


def test_history_puts_sizes_to_the_steps_that_made_layers(engine: Engine) -> None:
    image = load(
        engine.store,
        [ONE, TWO],
        "app",
        history=[
            {"created": "2024-01-01T00:00:00Z", "created_by": "ADD one"},
            {"created_by": "ENV A=1", "empty_layer": True},
            {"created_by": "COPY two", "comment": "buildkit.dockerfile.v0"},
        ],
    )

    entries = engine.images.history("app")

    assert [(entry.id, entry.created_by, entry.size) for entry in entries] == [
        (image.id, "COPY two", len(TWO)),
        ("<missing>", "ENV A=1", 0),
        ("<missing>", "ADD one", len(ONE)),
    ]
    assert entries[0].tags == ("app:latest",)


def test_history_of_an_image_that_tells_none_has_a_line_for_each_layer(engine: Engine) -> None:
    load(engine.store, [ONE, TWO], "app")

    assert [entry.size for entry in engine.images.history("app")] == [len(TWO), len(ONE)]


# -- names


def test_a_name_can_be_given_by_name_and_by_id(engine: Engine) -> None:
    image = load(engine.store, [ONE], "app:1")
    engine.images.tag("app:1", "example.com/team/app:2")
    engine.images.tag(image.id.hex[:10], "again")

    assert _tags(engine) == ["again:latest", "app:1", "example.com/team/app:2"]


@pytest.mark.parametrize("name", ["Upper", "app:", "app@sha256:" + "0" * 64, "sha256:abc", "a" * 300, ""])
def test_a_name_that_is_none_is_not_given(engine: Engine, name: str) -> None:
    load(engine.store, [ONE], "app")

    with pytest.raises(InvalidArgument):
        engine.images.tag("app", name)
    assert _tags(engine) == ["app:latest"]


# -- removal


def test_removing_the_last_name_removes_the_image_and_its_layers(engine: Engine) -> None:
    image = load(engine.store, [ONE, TWO], "app")
    top, bottom = image.chain_id, image.diff_ids[0]

    assert _lines(engine.images.remove("app")) == [
        "untagged app:latest",
        f"deleted {image.id}",
        f"deleted {top}",
        f"deleted {bottom}",
    ]
    assert engine.images.list() == []


def test_removing_one_of_two_names_only_untags(engine: Engine) -> None:
    load(engine.store, [ONE], "app:1")
    engine.images.tag("app:1", "app:2")

    assert _lines(engine.images.remove("app:1")) == ["untagged app:1"]
    assert _tags(engine) == ["app:2"]


def test_shared_layers_are_not_told_to_be_deleted(engine: Engine) -> None:
    load(engine.store, [ONE], "base")
    image = load(engine.store, [ONE, TWO], "app")

    assert _lines(engine.images.remove("app")) == [
        "untagged app:latest",
        f"deleted {image.id}",
        f"deleted {image.chain_id}",
    ]


def test_an_id_of_an_image_with_one_name_removes_it(engine: Engine) -> None:
    image = load(engine.store, [ONE], "app")

    assert _lines(engine.images.remove(image.id.hex[:12]))[:2] == ["untagged app:latest", f"deleted {image.id}"]


def test_an_id_of_an_image_in_two_repositories_needs_force(engine: Engine) -> None:
    image = load(engine.store, [ONE], "app")
    engine.images.tag("app", "other")

    with pytest.raises(ImageInUse) as refused:
        engine.images.remove(image.id)
    assert str(refused.value) == (
        f"conflict: unable to delete {image.id.hex[:12]} (must be forced) - "
        "image is referenced in multiple repositories"
    )

    assert _lines(engine.images.remove(image.id, force=True))[:3] == [
        "untagged app:latest",
        "untagged other:latest",
        f"deleted {image.id}",
    ]


def test_the_last_tag_of_a_repository_takes_its_digests_along(engine: Engine) -> None:
    image = load(engine.store, [ONE], "app")
    digest = image.descriptor.digest
    engine.store.names.set(Reference.parse(f"app@{digest}"), image.descriptor)

    removed = _lines(engine.images.remove("app"))

    assert removed[:3] == ["untagged app:latest", f"untagged app@{digest}", f"deleted {image.id}"]


def test_a_stopped_container_keeps_its_image_from_all_but_force(engine: Engine, container: Callable[..., str]) -> None:
    image = load(engine.store, [ONE], "app")
    id = container("app")

    with pytest.raises(NameInUse) as by_name:
        engine.images.remove("app")
    assert str(by_name.value) == (
        f'conflict: unable to remove repository reference "app" (must force) - '
        f"container {id[:12]} is using its referenced image {image.id.hex[:12]}"
    )
    with pytest.raises(ImageInUse) as by_id:
        engine.images.remove(image.id)
    assert str(by_id.value) == (
        f"conflict: unable to delete {image.id.hex[:12]} (must be forced) - "
        f"image is being used by stopped container {id[:12]}"
    )
    assert _tags(engine) == ["app:latest"]

    assert _lines(engine.images.remove("app", force=True)) == ["untagged app:latest", f"deleted {image.id}"]
    assert engine.store.snapshots.mounts(id)


def test_a_running_container_keeps_its_image_from_force_too(engine: Engine, container: Callable[..., str]) -> None:
    image = load(engine.store, [ONE], "app")
    id = container("app", running=True)

    for name in ("app", image.id):
        with pytest.raises(ImageInUse) as refused:
            engine.images.remove(name, force=True)
        assert str(refused.value) == (
            f"conflict: unable to delete {image.id.hex[:12]} (cannot be forced) - "
            f"image is being used by running container {id[:12]}"
        )
    assert _tags(engine) == ["app:latest"]


def test_removing_what_is_not_there_says_so(engine: Engine) -> None:
    with pytest.raises(ImageNotFound, match=r"^No such image: nothing:latest$"):
        engine.images.remove("nothing")


# -- pruning


def test_prune_removes_dangling_images_only(engine: Engine) -> None:
    old = load(engine.store, [ONE], "app")
    load(engine.store, [TWO], "app")

    pruned = engine.images.prune()

    assert _lines(list(pruned.removed)) == [f"deleted {old.id}", f"deleted {old.chain_id}"]
    assert pruned.size > 0
    assert _tags(engine) == ["app:latest"]


def test_prune_all_keeps_what_containers_were_made_from(engine: Engine, container: Callable[..., str]) -> None:
    load(engine.store, [ONE], "used")
    load(engine.store, [TWO], "unused")
    container("used")

    pruned = engine.images.prune(all=True)

    assert _lines(list(pruned.removed))[0] == "untagged unused:latest"
    assert _tags(engine) == ["used:latest"]


def test_prune_keeps_a_dangling_image_that_a_container_was_made_from(
    engine: Engine, container: Callable[..., str]
) -> None:
    old = load(engine.store, [ONE], "app")
    container("app")
    load(engine.store, [TWO], "app")

    assert engine.images.prune().removed == ()
    assert find(engine.store, old.id) is not None


def test_prune_obeys_its_filters(engine: Engine) -> None:
    load(engine.store, [ONE], "old", created="2020-01-01T00:00:00Z", config={"Labels": {"keep": "yes"}})
    load(engine.store, [TWO], "new", created="2024-01-01T00:00:00Z")

    def prune(*until: int, **values: tuple[str, ...]) -> None:
        engine.images.prune(image_filter(engine.store, values, until=until), all=True)

    prune(49 * YEAR)
    prune(label=("other",))
    assert _tags(engine) == ["new:latest", "old:latest"]
    prune(**{"label!": ("keep",)})
    assert _tags(engine) == ["old:latest"]
    prune(52 * YEAR)
    assert _tags(engine) == []
