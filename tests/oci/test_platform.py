from __future__ import annotations

import pytest

from izba.oci.platform import InvalidPlatform, Platform, host


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("LINUX/AMD64", "linux/amd64"),
        ("amd64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("armhf", "linux/arm/v7"),
        ("armel", "linux/arm/v6"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/386", "linux/386"),
        ("i686", "linux/386"),
        ("windows/amd64", "windows/amd64"),
        ("linux/riscv64", "linux/riscv64"),
        ("linux/something-new", "linux/something-new"),
    ],
)
def test_a_platform_has_one_spelling(text: str, normal: str) -> None:
    assert str(Platform.parse(text)) == normal


@pytest.mark.parametrize("text", ["", "/", "linux/", "/amd64", "a/b/c/d", "nonsense", "linux/amd 64", "linux/../x"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(InvalidPlatform):
        Platform.parse(text)


def test_an_operating_system_alone_means_this_architecture() -> None:
    assert Platform.parse("linux") == host()


@pytest.mark.parametrize(
    ("machine", "runs"),
    [
        ("linux/amd64", "linux/amd64 linux/386"),
        ("linux/amd64/v3", "linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386"),
        ("linux/arm/v7", "linux/arm/v7 linux/arm/v6 linux/arm/v5"),
        ("linux/arm64", "linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5"),
        ("linux/riscv64", "linux/riscv64"),
    ],
)
def test_a_machine_runs_its_own_and_older_kinds(machine: str, runs: str) -> None:
    assert " ".join(map(str, Platform.parse(machine).runs())) == runs


def test_the_best_of_an_index_is_the_nearest() -> None:
    offered = [Platform.parse(text) for text in ("linux/arm/v6", "linux/386", "linux/amd64", "windows/amd64")]

    assert Platform.parse("linux/amd64/v2").best(offered) == 2
    assert Platform.parse("linux/arm64").best(offered) == 0
    assert Platform.parse("linux/s390x").best(offered) is None
