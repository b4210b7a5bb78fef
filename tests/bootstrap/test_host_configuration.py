"""Mirrors, proxies, keys and registries come from the files of the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from izba.bootstrap.errors import BadConfiguration, NoKeyring, NoMirror
from izba.bootstrap.host import aptauth, aptconf, aptsources, keyrings, npmrc
from izba.bootstrap.host.aptauth import Login
from izba.bootstrap.host.aptconf import AptConfiguration
from izba.bootstrap.host.aptsources import Source
from izba.bootstrap.host.transport import Routes


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# --- apt.conf ------------------------------------------------------------------------------------------------------


def test_both_ways_to_write_a_setting_mean_the_same() -> None:
    flat = aptconf.parse('Acquire::http::Proxy "http://p:3128";', file="f")
    nested = aptconf.parse('Acquire { http { Proxy "http://p:3128"; }; };', file="f")
    half = aptconf.parse('Acquire::http { Proxy "http://p:3128"; };', file="f")

    assert flat == nested == half == {"Acquire::http::Proxy": "http://p:3128"}


def test_comments_and_lists_are_no_settings() -> None:
    text = """
    // Acquire::a "1";
    # Acquire::b "2";
    /* Acquire::c "3"; */
    #clear Acquire::d;
    Acquire::Languages { "en"; "de"; };
    DPkg::Post-Invoke { "rm -f /x || true; // no comment"; };
    Acquire::e "4";
    """
    assert aptconf.parse(text, file="f") == {"Acquire::e": "4"}


def test_later_parts_win_and_the_main_file_has_the_last_word(tmp_path: Path) -> None:
    write(tmp_path, "etc/apt/apt.conf.d/10first", 'A "1"; B "1"; C "1";')
    write(tmp_path, "etc/apt/apt.conf.d/20second.conf", 'B "2"; C "2";')
    write(tmp_path, "etc/apt/apt.conf.d/30ignored.disabled", 'B "no";')
    write(tmp_path, "etc/apt/apt.conf", 'c "3";')

    configuration = aptconf.read(str(tmp_path))

    assert [configuration.get(name) for name in "ABC"] == ["1", "2", "3"]


def test_booleans_have_apts_spellings_and_names_any_case() -> None:
    configuration = AptConfiguration({"Acquire::Check-Valid-Until": "False", "x": "nonsense"})

    assert configuration.on("acquire::check-valid-until", default=True) is False
    assert configuration.on("x", default=True) is True
    assert configuration.on("missing", default=False) is False


def test_an_open_string_is_told_with_its_place() -> None:
    with pytest.raises(BadConfiguration, match=r"apt\.conf:2"):
        aptconf.parse('A "1";\nB "2;\n', file="apt.conf")


# --- sources -------------------------------------------------------------------------------------------------------


def test_one_line_sources_with_options() -> None:
    text = """
    # deb http://a/ old main
    deb [arch=amd64,arm64 signed-by=/k.gpg check-valid-until=no] http://a/debian/ bookworm main contrib # why
    deb-src http://a/debian bookworm main
    deb http://b/debian bookworm-updates main
    """
    first, second = aptsources.parse_list(text, file="f")

    assert first == Source(
        uri="http://a/debian",
        suite="bookworm",
        components=("main", "contrib"),
        keyrings=("/k.gpg",),
        architectures=("amd64", "arm64"),
        check_valid_until=False,
    )
    assert second == Source(uri="http://b/debian", suite="bookworm-updates", components=("main",))


def test_stanzas_give_every_uri_with_every_suite() -> None:
    text = """\
Types: deb deb-src
# a comment in the middle
URIs: http://a/debian http://b/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/k.gpg

Types: deb
URIs: http://off/
Suites: bookworm
Enabled: no

Types: deb-src
URIs: http://sources/
Suites: bookworm
"""
    sources = aptsources.parse_deb822(text, file="f")

    assert [(source.uri, source.suite) for source in sources] == [
        ("http://a/debian", "bookworm"),
        ("http://a/debian", "bookworm-updates"),
        ("http://b/debian", "bookworm"),
        ("http://b/debian", "bookworm-updates"),
    ]
    assert {source.keyrings for source in sources} == {("/usr/share/keyrings/k.gpg",)}


def test_a_key_may_stand_in_the_stanza_itself() -> None:
    text = """\
Types: deb
URIs: http://a/
Suites: bookworm
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
"""
    (source,) = aptsources.parse_deb822(text, file="f")

    assert source.keyrings == ()
    assert source.key == "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBF\n-----END PGP PUBLIC KEY BLOCK-----\n"


def test_a_broken_line_is_told_with_its_place() -> None:
    with pytest.raises(BadConfiguration, match=r"sources\.list:2"):
        aptsources.parse_list("\ndeb http://a/\n", file="sources.list")


def test_a_list_of_mirrors_on_the_host_is_read(tmp_path: Path) -> None:
    write(tmp_path, "etc/apt/mirrors.list", "# mirrors\nhttp://first/debian\tpriority:1\nhttp://second/debian\n")
    write(tmp_path, "etc/apt/sources.list", "deb mirror+file:/etc/apt/mirrors.list bookworm main\n")

    assert [source.uri for source in aptsources.read(str(tmp_path))] == ["http://first/debian"]


def test_the_release_that_the_host_names_is_taken_with_its_pockets_only() -> None:
    sources = [
        Source(uri="http://a", suite="bookworm"),
        Source(uri="http://a", suite="bookworm-updates"),
        Source(uri="http://s", suite="bookworm-security"),
        Source(uri="http://a", suite="bookworm-backports"),
        Source(uri="http://third", suite="cloud-sdk-bookworm"),
    ]
    found = aptsources.of_release(sources, "bookworm", host_codename="bookworm")

    assert [source.suite for source in found] == ["bookworm", "bookworm-updates", "bookworm-security"]
    assert not any(source.optional for source in found)


def test_a_debian_host_of_another_release_lends_its_mirrors() -> None:
    sources = [
        Source(uri="http://a", suite="trixie"),
        Source(uri="http://s", suite="trixie-security"),
        Source(uri="http://third", suite="nodistro"),
    ]
    found = aptsources.of_release(sources, "bookworm", host_codename="trixie")

    assert [(source.uri, source.suite, source.optional) for source in found] == [
        ("http://a", "bookworm", False),
        ("http://s", "bookworm-security", True),
    ]


def test_a_host_that_is_not_debian_lends_nothing() -> None:
    sources = [Source(uri="http://a", suite="noble"), Source(uri="http://a", suite="noble-updates")]

    assert aptsources.of_release(sources, "bookworm", host_codename=None) == []


def test_a_host_on_stable_lends_its_mirrors() -> None:
    found = aptsources.of_release([Source(uri="http://a", suite="stable")], "bookworm", host_codename=None)

    assert [source.suite for source in found] == ["bookworm"]


# --- keys ----------------------------------------------------------------------------------------------------------


def test_chosen_keyrings_come_before_the_sources_and_those_before_debians(tmp_path: Path) -> None:
    debian = write(tmp_path, "usr/share/keyrings/debian-archive-keyring.gpg", "k")
    own = write(tmp_path, "usr/share/keyrings/own.gpg", "k")
    chosen = write(tmp_path, "chosen.gpg", "k")
    named = Source(uri="u", suite="s", keyrings=("/usr/share/keyrings/own.gpg",))
    root = str(tmp_path)

    assert keyrings.keyrings_of(named, chosen=(str(chosen),), root=root) == (str(chosen),)
    assert keyrings.keyrings_of(named, chosen=(), root=root) == (str(own),)
    assert keyrings.keyrings_of(named.replace(keyrings=()), chosen=(), root=root) == (str(debian),)
    assert keyrings.keyrings_of(named.replace(key="PGP"), chosen=(), root=root) == ()


def test_a_host_without_keys_is_told_which_package_has_them(tmp_path: Path) -> None:
    with pytest.raises(NoKeyring) as caught:
        keyrings.keyrings_of(Source(uri="u", suite="s"), chosen=(), root=str(tmp_path))

    assert caught.value.hint is not None
    assert "debian-archive-keyring" in caught.value.hint
    assert "--keyring" in caught.value.hint


def test_a_keyring_that_is_not_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(NoKeyring, match=r"missing\.gpg does not exist"):
        keyrings.keyrings_of(Source(uri="u", suite="s"), chosen=(str(tmp_path / "missing.gpg"),))


def test_a_login_in_a_uri_is_kept_apart_from_it() -> None:
    (source,) = aptsources.parse_list("deb https://me:s%40crt@mirror:8080/debian bookworm main", file="f")

    assert source.uri == "https://mirror:8080/debian"
    assert source.login == Login(prefix="https://mirror:8080/debian", user="me", password="s@crt")
    assert "crt" not in repr(source)


def test_logins_are_read_from_apts_own_files(tmp_path: Path) -> None:
    write(tmp_path, "etc/apt/auth.conf", "# theirs\nmachine a.example/debian login me\n  password one\n")
    write(tmp_path, "etc/apt/auth.conf.d/90b.conf", "machine http://b.example login you password two\n")

    first, second = aptauth.read(str(tmp_path))

    assert first.covers("https://a.example/debian/dists/x")
    assert not first.covers("http://a.example/debian/dists/x")
    assert not first.covers("https://a.example/debian-other")
    assert second.covers("http://b.example/anything")


# --- npm -----------------------------------------------------------------------------------------------------------


def test_npms_registry_is_found_in_npms_own_order(tmp_path: Path) -> None:
    root = str(tmp_path)
    definitions = "usr/lib/node_modules/npm/node_modules/@npmcli/config/lib/definitions/definitions.js"
    write(tmp_path, definitions, "  registry: new Definition('registry', {\n    default: 'https://built-in/',\n")
    assert npmrc.read({"HOME": "/root"}, root=root).registry == "https://built-in"

    write(tmp_path, "etc/npmrc", "registry=https://global/\n")
    assert npmrc.read({"HOME": "/root"}, root=root).registry == "https://global"

    write(tmp_path, "root/.npmrc", "; mine\nregistry = https://${WHERE}/npm/\n")
    assert npmrc.read({"HOME": "/root", "WHERE": "user"}, root=root).registry == "https://user/npm"

    environ = {"HOME": "/root", "NPM_CONFIG_REGISTRY": "https://environment/"}
    assert npmrc.read(environ, root=root).registry == "https://environment"
    assert npmrc.read(environ, root=root, registry="https://flag/").registry == "https://flag"


def test_without_any_npm_configuration_the_registry_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(NoMirror) as caught:
        npmrc.read({}, root=str(tmp_path))

    assert caught.value.hint is not None
    assert "--npm-registry" in caught.value.hint


def test_a_token_goes_to_its_own_registry_only(tmp_path: Path) -> None:
    write(tmp_path, "root/.npmrc", "registry=https://r/npm/\n//r/npm/:_authToken=secret\n//other/:_authToken=no\n")

    assert npmrc.read({"HOME": "/root"}, root=str(tmp_path)).token == "secret"
    assert npmrc.read({"HOME": "/root"}, root=str(tmp_path), registry="https://elsewhere/").token is None


# --- proxies -------------------------------------------------------------------------------------------------------


def test_apts_proxy_wins_over_the_environments() -> None:
    apt = AptConfiguration({"Acquire::http::Proxy": "http://apt:1", "Acquire::http::Proxy::near": "DIRECT"})
    routes = Routes({"http_proxy": "http://env:2", "https_proxy": "env:3", "no_proxy": "inside"}, apt)

    assert routes.route("http://mirror/x").proxy == "http://apt:1"
    assert routes.route("http://near/x").proxy is None
    assert routes.route("https://mirror/x").proxy == "http://env:3"
    assert routes.route("https://inside/x").proxy is None
    assert Routes({}).route("https://mirror/x").proxy is None
