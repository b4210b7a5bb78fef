"""What a host lends: proxies, certificates and package indexes; and what it keeps to itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from izba import hosttrust
from izba.runtime.specgen.rootview import RootView


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "site.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nsite\n-----END CERTIFICATE-----\n")
    return path


@pytest.fixture
def environ(tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A user with a bundle of his own, on a host without any configuration."""
    monkeypatch.setattr(hosttrust, "_NPM_FILES", ())
    monkeypatch.setattr(hosttrust, "_PIP_FILES", ())
    (tmp_path / "home").mkdir()
    return {"HOME": str(tmp_path / "home"), "SSL_CERT_FILE": str(bundle)}


def lent(
    environ: dict[str, str], tmp_path: Path, image: Path | None = None, **more: bool
) -> tuple[dict[str, str], Path]:
    trust = hosttrust.lend(environ, f"{tmp_path}/trust", RootView([str(image)]) if image else None, **more)
    return dict(entry.split("=", 1) for entry in trust.env), Path(trust.source or "/nowhere")


def test_every_tool_is_told_where_the_certificates_are(environ: dict[str, str], tmp_path: Path, bundle: Path) -> None:
    env, source = lent(environ, tmp_path)
    for name in "SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE PIP_CERT NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO".split():
        assert env[name] == "/dev/izba/ca-certificates.crt"
    assert (source / "ca-certificates.crt").read_text().strip() == bundle.read_text().strip()
    assert (source / "apt.conf").read_text() == 'Acquire::https::CAInfo "/dev/izba/ca-certificates.crt";\n'
    assert (source / "wgetrc").read_text() == "ca_certificate = /dev/izba/ca-certificates.crt\n"


def test_ordinary_users_of_the_container_can_read_what_is_lent(environ: dict[str, str], tmp_path: Path) -> None:
    """apt fetches as the user _apt."""
    previous = os.umask(0o077)
    try:
        _, source = lent(environ, tmp_path)
    finally:
        os.umask(previous)
    assert source.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in source.iterdir()} == {0o644}


def test_what_the_image_trusts_stays_trusted(environ: dict[str, str], tmp_path: Path, bundle: Path) -> None:
    image = tmp_path / "image"
    (image / "etc/ssl/certs").mkdir(parents=True)
    (image / "etc/ssl/certs/ca-certificates.crt").write_text("the image's own\n")
    _, source = lent(environ, tmp_path, image)
    assert (source / "ca-certificates.crt").read_text() == bundle.read_text() + "\nthe image's own\n"
    assert lent(environ, tmp_path)[1] != source


@pytest.mark.timeout(10)
def test_a_bundle_of_the_image_that_is_a_fifo_is_left_alone(environ: dict[str, str], tmp_path: Path) -> None:
    """B3's trick with another file"""
    image = tmp_path / "image"
    (image / "etc/ssl").mkdir(parents=True)
    os.mkfifo(image / "etc/ssl/cert.pem")
    _, source = lent(environ, tmp_path, image)
    assert source == lent(environ, tmp_path)[1]


def test_a_link_in_the_image_does_not_lend_a_file_of_the_host(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("secret")
    image = tmp_path / "image"
    (image / "etc/ssl").mkdir(parents=True)
    (image / "etc/ssl/cert.pem").symlink_to(tmp_path / "canary")
    _, source = lent(environ, tmp_path, image)
    assert "secret" not in (source / "ca-certificates.crt").read_text()


def test_equal_loans_share_one_directory_and_a_new_bundle_makes_a_new_one(
    environ: dict[str, str], tmp_path: Path, bundle: Path
) -> None:
    first = lent(environ, tmp_path)[1]
    assert lent(environ, tmp_path)[1] == first
    bundle.write_text("renewed")
    os.utime(bundle, (1, 1))
    second = lent(environ, tmp_path)[1]
    assert second != first
    assert sorted(os.listdir(tmp_path / "trust")) == sorted([first.name, second.name])


def test_nothing_is_lent_to_who_wants_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    env, source = lent(environ | {"http_proxy": "http://proxy:1"}, tmp_path, trust=False)
    assert env == {}
    assert not source.exists()


def test_apt_is_told_when_it_cannot_change_to_its_own_user(environ: dict[str, str], tmp_path: Path) -> None:
    env, source = lent(environ, tmp_path, trust=False, single_id=True)
    assert env == {"APT_CONFIG": "/dev/izba/apt.conf"}
    assert (source / "apt.conf").read_text() == 'APT::Sandbox::User "root";\n'


def test_a_host_without_certificates_lends_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosttrust, "BUNDLES", ())
    assert hosttrust.host_bundle({"SSL_CERT_FILE": str(tmp_path), "CURL_CA_BUNDLE": "relative.pem"}) is None


def test_proxies_are_lent_in_both_spellings() -> None:
    found = hosttrust.proxies({"HTTPS_PROXY": "http://p:3128", "no_proxy": "localhost,.site"}, host_network=True)
    assert found == {
        "https_proxy": "http://p:3128",
        "HTTPS_PROXY": "http://p:3128",
        "no_proxy": "localhost,.site",
        "NO_PROXY": "localhost,.site",
    }
    assert hosttrust.proxies({"NO_PROXY": "x"}, host_network=True) == {}


@pytest.mark.parametrize(
    "proxy", ["http://127.0.0.1:3128", "http://user:pw@localhost:1/", "http://[::1]:3128", "127.1.2.3:8"]
)
def test_a_proxy_on_loopback_is_lent_to_the_hosts_network_only(proxy: str) -> None:
    assert hosttrust.proxies({"http_proxy": proxy}, host_network=True)["HTTP_PROXY"] == proxy
    assert hosttrust.proxies({"http_proxy": proxy}, host_network=False) == {}


def test_proxies_of_dockers_configuration_count_where_the_environment_has_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"proxies": {"default": {"httpProxy": "http://d:1", "noProxy": "x"}}}')
    environ = {"DOCKER_CONFIG": str(tmp_path)}
    assert hosttrust.proxies(environ, host_network=True)["http_proxy"] == "http://d:1"
    assert hosttrust.proxies(environ | {"https_proxy": "e"}, host_network=True).get("http_proxy") is None


@pytest.mark.parametrize("text", ["", "[]", '{"proxies": 3}', '{"proxies": {"default": null}}', "{"])
def test_a_broken_docker_configuration_is_no_proxy(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert hosttrust.proxies({"DOCKER_CONFIG": str(tmp_path)}, host_network=True) == {}


def test_index_urls_are_lent_and_paths_are_not(environ: dict[str, str]) -> None:
    environ |= {
        "PIP_INDEX_URL": "https://pypi.site/simple",
        "PIP_EXTRA_INDEX_URL": "file:///opt/wheels https://more.site/simple /opt/x",
        "PIP_FIND_LINKS": "/opt/wheels",
        "UV_INDEX_URL": "file:///opt/uv",
        "NPM_CONFIG_REGISTRY": "https://npm.site/",
        "PIP_TRUSTED_HOST": "pypi.site",
    }
    assert hosttrust.indexes(environ, host_network=True) == {
        "PIP_INDEX_URL": "https://pypi.site/simple",
        "PIP_EXTRA_INDEX_URL": "https://more.site/simple",
        "npm_config_registry": "https://npm.site/",
        "PIP_TRUSTED_HOST": "pypi.site",
    }


@pytest.mark.parametrize(
    "url",
    ["https://user:token@pypi.site/simple", "https://token@pypi.site/", "https://${TOKEN}.site/", "ftp://pypi.site/"],
)
def test_an_index_url_with_a_secret_is_not_lent(environ: dict[str, str], url: str) -> None:
    """D9, D11"""
    assert hosttrust.indexes(environ | {"PIP_INDEX_URL": url}, host_network=True) == {}


def test_an_index_on_loopback_is_lent_to_the_hosts_network_only(environ: dict[str, str]) -> None:
    environ |= {"PIP_INDEX_URL": "http://localhost:3141/root"}
    assert hosttrust.indexes(environ, host_network=True) == {"PIP_INDEX_URL": "http://localhost:3141/root"}
    assert hosttrust.indexes(environ, host_network=False) == {}


def test_settings_of_pips_and_npms_files_are_read(environ: dict[str, str], tmp_path: Path) -> None:
    pip = tmp_path / "home/.config/pip"
    pip.mkdir(parents=True)
    (pip / "pip.conf").write_text(
        "[global]\n# comment\ncert = /etc/ca.crt\nindex-url = https://pypi.site/simple\n"
        "extra-index-url =\n    https://a.site\n    file:///opt/b\n"
        "[install]\ntrusted-host: pypi.site\n[list]\nindex-url = x\n"
    )
    (tmp_path / "home/.npmrc").write_text(
        "registry=https://npm.site/\n//npm.site/:_authToken=secret\n@scope:registry=https://scope.site\n"
    )
    assert hosttrust.indexes(environ, host_network=True) == {
        "PIP_INDEX_URL": "https://pypi.site/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.site",
        "PIP_TRUSTED_HOST": "pypi.site",
        "npm_config_registry": "https://npm.site/",
    }


def test_nothing_else_of_the_hosts_environment_is_lent(environ: dict[str, str], tmp_path: Path) -> None:
    """D11, CVE-2021-3602"""
    env, _ = lent(environ | {"AWS_SECRET_ACCESS_KEY": "s", "GITHUB_TOKEN": "t", "LD_PRELOAD": "x"}, tmp_path)
    assert not env.keys() & {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "LD_PRELOAD", "HOME"}
