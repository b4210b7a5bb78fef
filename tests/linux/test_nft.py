"""nf_tables in network namespaces that the tests make; `nft` is asked what the kernel was told."""

from __future__ import annotations

import pytest

from tests.linux.test_netlink import in_new_namespace

pytestmark = [pytest.mark.root, pytest.mark.peer("nft")]

PREAMBLE = """
        from izba.linux.nft import *
        def shown():
            return subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True).stdout
"""


def test_rules_read_as_nft_itself_would_write_them() -> None:
    said = in_new_namespace(f"""{PREAMBLE}
        place = concatenation(PROTO := bytes([6]), port(8080))
        with NftSocket() as nft:
            nft.commit([
                add_table("izba"),
                add_map("izba", "ports", key=(PROTOCOL, SERVICE), value=(ADDRESS, SERVICE)),
                add_chain("izba", "in", kind="nat", hook=PREROUTING, priority=-100),
                add_chain("izba", "out", kind="nat", hook=POSTROUTING, priority=100),
                add_chain("izba", "through", kind="filter", hook=FORWARD, priority=0),
                add_rule("izba", "in", [*is_local(), meta_load(L4PROTO), payload_load(TRANSPORT, 2, 2, 9),
                                        lookup("ports", result=1), dnat()]),
                add_rule("izba", "out", [*source("172.30.0.0", 24), *interface(OIFNAME, "izba0", equal=False),
                                         masquerade()]),
                add_rule("izba", "out", [*source("172.16.0.0", 12), *interface(OIFNAME, "izb*"), masquerade()]),
                add_rule("izba", "through", [*connection(CT_STATE, ESTABLISHED_RELATED), verdict(ACCEPT)]),
                add_rule("izba", "through", [*connection(CT_STATUS, DNATTED), *interface(OIFNAME, "izba0"),
                                             verdict(ACCEPT)]),
                add_rule("izba", "through", [*destination("10.0.0.0", 8), verdict(DROP)]),
                add_elements("izba", "ports", [(place, concatenation(address("172.30.0.2"), port(80)))]),
            ])
        print(shown())
    """)
    for line in (
        "fib daddr type local dnat ip to meta l4proto . th dport map @ports",
        'ip saddr 172.30.0.0/24 oifname != "izba0" masquerade',
        'ip saddr 172.16.0.0/12 oifname "izb*" masquerade',
        "ct state established,related accept",
        'ct status dnat oifname "izba0" accept',
        "ip daddr 10.0.0.0/8 drop",
        "elements = { tcp . 8080 : 172.30.0.2 . 80 }",
        "type nat hook prerouting priority dstnat; policy accept;",
    ):
        assert line in said


def test_a_commit_that_fails_changes_nothing() -> None:
    said = in_new_namespace(f"""{PREAMBLE}
        with NftSocket() as nft:
            try:
                nft.commit([add_table("izba"), delete_table("nowhere")])
            except NetlinkError as error:
                print(error.strerror)
            assert shown() == ""
            nft.commit([add_table("izba"), add_table("izba")])
            nft.commit([delete_table("izba")])
            assert shown() == ""
    """)
    assert said == "No such file or directory: nf_tables message 2 of 2\n"


def test_a_published_port_is_one_element_that_comes_and_goes() -> None:
    in_new_namespace(f"""{PREAMBLE}
        key = concatenation(address("127.0.0.1"), bytes([6]), port(8080))
        value = concatenation(address("172.30.0.2"), port(80))
        with NftSocket() as nft:
            nft.commit([add_table("izba"),
                        add_map("izba", "m", key=(ADDRESS, PROTOCOL, SERVICE), value=(ADDRESS, SERVICE))])
            nft.commit([add_elements("izba", "m", [(key, value)])])
            assert "127.0.0.1 . tcp . 8080 : 172.30.0.2 . 80" in shown()
            nft.commit([delete_elements("izba", "m", [key])])
            assert "8080" not in shown()
    """)
