"""Which packages come, and in which order."""

from __future__ import annotations

import pytest

from izba.bootstrap.debian.index import Package, PackageIndex
from izba.bootstrap.debian.resolve import resolve
from izba.bootstrap.errors import PackageNotFound, Unsatisfiable
from tests.bootstrap.debs import Deb


def index_of(*debs: Deb) -> PackageIndex:
    index = PackageIndex()
    text = "\n".join(deb.paragraph + f"Filename: pool/{deb.name}.deb\nSize: 1\nSHA256: {'0' * 64}\n" for deb in debs)
    index.add(text, "http://m", archive="http://m bookworm")
    return index


def deb(name: str, depends: str = "", version: str = "1.0", **fields: str) -> Deb:
    values = {key.replace("_", "-"): value for key, value in fields.items()}
    return Deb(name, version, fields={**({"Depends": depends} if depends else {}), **values})


def chosen(index: PackageIndex, *wanted: str, **options: object) -> list[str]:
    return [package.name for package in resolve(index, wanted, **options)]  # type: ignore[arg-type]


def package(index: PackageIndex, name: str) -> Package:
    found = index.newest(name)
    assert found is not None
    return found


def test_dependencies_come_before_those_who_need_them() -> None:
    index = index_of(deb("app", "lib, data"), deb("lib", "base"), deb("data"), deb("base"), deb("unrelated"))

    order = chosen(index, "app")

    assert sorted(order) == ["app", "base", "data", "lib"]
    assert order.index("base") < order.index("lib") < order.index("app")


def test_the_newest_version_wins_by_debians_rules() -> None:
    index = index_of(deb("a", version="1.10"), deb("a", version="1.9"), deb("a", version="1.10~rc1"))

    assert str(package(index, "a").version) == "1.10"


def test_the_first_alternative_that_can_be_had_is_taken() -> None:
    index = index_of(deb("app", "missing | second | third"), deb("second"), deb("third"))

    assert chosen(index, "app") == ["second", "app"]


def test_an_alternative_that_is_there_already_is_enough() -> None:
    index = index_of(deb("app", "first | second"), deb("first"), deb("second"))

    assert chosen(index, "second", "app") == ["second", "app"]


def test_a_preferred_alternative_wins() -> None:
    index = index_of(deb("app", "usrmerge | usr-is-merged"), deb("usrmerge"), deb("usr-is-merged"))

    assert "usr-is-merged" in chosen(index, "app", prefer=["usr-is-merged"])
    assert "usrmerge" in chosen(index, "app")


def test_a_virtual_package_is_provided_and_the_most_important_provider_taken() -> None:
    index = index_of(
        deb("app", "awk"),
        deb("aaa-awk", Provides="awk", Priority="optional"),
        deb("mawk", Provides="awk", Priority="required"),
    )

    assert chosen(index, "app") == ["mawk", "app"]


def test_a_real_package_comes_before_its_providers() -> None:
    index = index_of(deb("app", "mta"), deb("aaa", Provides="mta"), deb("mta"))

    assert chosen(index, "app") == ["mta", "app"]


def test_only_a_versioned_provision_satisfies_a_versioned_dependency() -> None:
    plain = index_of(deb("app", "api (>= 2)"), deb("impl", Provides="api"))
    old = index_of(deb("app", "api (>= 2)"), deb("impl", Provides="api (= 1)"))
    new = index_of(deb("app", "api (>= 2)"), deb("impl", Provides="api (= 2.1)"))

    for index in (plain, old):
        with pytest.raises(Unsatisfiable):
            chosen(index, "app")
    assert chosen(new, "app") == ["impl", "app"]


@pytest.mark.parametrize(
    ("relation", "fits"),
    [(">= 1.0", True), (">> 1.0", False), ("= 1.0", True), ("<< 1.0", False), ("<= 1.0", True), ("<< 1.0.1", True)],
)
def test_versions_are_compared(relation: str, fits: bool) -> None:
    index = index_of(deb("app", f"lib ({relation})"), deb("lib"))

    if fits:
        assert chosen(index, "app") == ["lib", "app"]
    else:
        with pytest.raises(Unsatisfiable, match=r"app needs lib \("):
            chosen(index, "app")


def test_circles_are_cut_and_pre_dependencies_are_not() -> None:
    index = index_of(
        deb("libc", "libgcc"),
        deb("libgcc", "libc"),
        deb("tool", "libgcc", Pre_Depends="libc"),
        deb("a", "b"),
        deb("b", "a"),
    )
    order = chosen(index, "tool", "a")

    assert sorted(order) == ["a", "b", "libc", "libgcc", "tool"]
    assert order.index("libc") < order.index("tool")


def test_what_the_base_has_is_not_installed_again() -> None:
    index = index_of(deb("app", "lib (>= 1.0), base"), deb("lib"), deb("base"))
    base = [package(index, "base")]

    assert chosen(index, "app", base=base) == ["lib", "app"]


def test_a_base_that_is_too_old_is_told() -> None:
    index = index_of(deb("app", "base (>= 2.0)"), deb("base", version="1.0"))

    with pytest.raises(Unsatisfiable, match=r"base is 1\.0"):
        chosen(index, "app", base=[package(index, "base")])


def test_a_missing_package_is_named_with_the_one_that_needs_it() -> None:
    index = index_of(deb("app", "lib"))

    with pytest.raises(PackageNotFound, match="package lib, which app needs, is not in http://m bookworm"):
        chosen(index, "app")
    with pytest.raises(PackageNotFound, match="package nothing is not in"):
        chosen(index, "nothing")


def test_an_alternative_that_conflicts_is_passed_over() -> None:
    index = index_of(deb("app", "one, two | three"), deb("one"), deb("two", Conflicts="one"), deb("three"))

    assert sorted(chosen(index, "app")) == ["app", "one", "three"]


def test_packages_that_exclude_each_other_are_an_error() -> None:
    index = index_of(deb("one"), deb("two", Breaks="one (<< 2)"))

    with pytest.raises(Unsatisfiable, match="cannot be installed together"):
        chosen(index, "one", "two")


def test_a_package_may_conflict_with_what_it_provides_itself() -> None:
    index = index_of(deb("mta", Provides="mail-agent", Conflicts="mail-agent"))

    assert chosen(index, "mta") == ["mta"]


def test_required_packages_are_those_whose_newest_version_says_so() -> None:
    index = index_of(
        deb("a", Priority="required"),
        deb("b", Essential="yes", Priority="important"),
        deb("c", Priority="optional"),
        deb("gone", version="1", Priority="required"),
        deb("gone", version="2", Priority="optional"),
    )
    assert [package.name for package in index.required()] == ["a", "b"]


def test_a_long_chain_of_dependencies_is_no_problem() -> None:
    count = 3000
    debs = [deb(f"p{number}", f"p{number + 1}") for number in range(count)] + [deb(f"p{count}")]

    order = chosen(index_of(*debs), "p0")

    assert order[0] == f"p{count}"
    assert len(order) == count + 1
