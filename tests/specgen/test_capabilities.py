from __future__ import annotations

import pytest

from izba.linux import caps
from izba.runtime.specgen import capabilities, defaults

ALL = tuple(caps.NAMES)


def chosen(add: tuple[str, ...] = (), drop: tuple[str, ...] = (), available: tuple[str, ...] = ALL) -> set[str]:
    return set(capabilities.chosen(add=add, drop=drop, privileged=False, available=available))


@pytest.mark.parametrize("spelling", ["NET_ADMIN", "net_admin", "CAP_NET_ADMIN", "cap_net_admin"])
def test_a_capability_is_added_in_any_spelling(spelling: str) -> None:
    assert chosen(add=(spelling,)) == {*defaults.CAPABILITIES, "CAP_NET_ADMIN"}


def test_dropping_takes_away() -> None:
    assert chosen(drop=("mknod", "CAP_CHOWN")) == set(defaults.CAPABILITIES) - {"CAP_MKNOD", "CAP_CHOWN"}


def test_drop_all_leaves_what_is_added() -> None:
    assert chosen(drop=("ALL",), add=("CHOWN",)) == {"CAP_CHOWN"}
    assert chosen(drop=("all",)) == set()


def test_add_all_is_all_but_what_is_dropped() -> None:
    assert chosen(add=("ALL",), drop=("SYS_ADMIN",)) == set(ALL) - {"CAP_SYS_ADMIN"}


def test_a_default_capability_that_the_host_lacks_is_left_out() -> None:
    assert "CAP_MKNOD" not in chosen(available=tuple(name for name in ALL if name != "CAP_MKNOD"))


def test_one_asked_for_that_the_host_lacks_is_an_error() -> None:
    with pytest.raises(capabilities.CapabilityUnavailable, match='not available in the current environment: "CAP_BPF"'):
        chosen(add=("BPF",), available=defaults.CAPABILITIES)


def test_an_unknown_one_is_an_error_with_the_nearest() -> None:
    with pytest.raises(capabilities.UnknownCapability, match='unknown capability: "CAP_NET_ADMINN"') as caught:
        chosen(add=("net_adminn",))
    assert caught.value.hint == "did you mean CAP_NET_ADMIN?"
    with pytest.raises(capabilities.UnknownCapability):
        chosen(drop=("nonsense",))
