"""Challenges, proxies, registries.toml and credentials: what is read, in tables."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest

from izba.registry import challenge, config
from izba.registry.config import ConfigError, RegistryConfig
from izba.registry.credentials import ConfigFile, Credentials, CredentialsError
from izba.registry.proxy import proxy_for
from izba.registry.token import belongs


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic", [("basic", {})]),
        ('Basic realm="a, b"', [("basic", {"realm": "a, b"})]),
        (
            'Bearer realm="https://a.example/token",service=registry,scope="repository:x:pull,push"',
            [
                (
                    "bearer",
                    {"realm": "https://a.example/token", "service": "registry", "scope": "repository:x:pull,push"},
                )
            ],
        ),
        ('Negotiate, Basic realm="x"', [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('Bearer realm="a\\"b" , error = "expired"', [("bearer", {"realm": 'a"b', "error": "expired"})]),
        ('Bearer realm="unterminated', [("bearer", {"realm": "unterminated"})]),
        ("", []),
        (",,,", []),
        ("=", []),
    ],
)
def test_challenges(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(one.scheme, dict(one.parameters)) for one in challenge.parse(header)] == expected


PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("url", "no_proxy", "expected"),
    [
        ("https://registry.example/v2/", "", PROXY),
        ("https://registry.example/v2/", "registry.example", None),
        ("https://a.registry.example/v2/", "registry.example", None),
        ("https://a.registry.example/v2/", ".registry.example", None),
        ("https://registry.example/v2/", ".registry.example", PROXY),
        ("https://otherregistry.example/v2/", "registry.example", PROXY),
        ("https://a.registry.example/v2/", "*.registry.example", None),
        ("https://registry.example:5000/v2/", "registry.example:5000", None),
        ("https://registry.example/v2/", "registry.example:5000", PROXY),
        ("https://10.1.2.3/v2/", "10.0.0.0/8", None),
        ("https://11.1.2.3/v2/", "10.0.0.0/8", PROXY),
        ("https://[fd00::1]:5000/v2/", "fd00::/8", None),
        ("https://registry.example/", "*", None),
        ("https://registry.example/", " , foo,, registry.example ", None),
        ("http://127.0.0.1:5000/v2/", "", None),
        ("http://localhost:5000/v2/", "", None),
        ("http://[::1]:5000/v2/", "", None),
        ("https://localhost.example/v2/", "", PROXY),
    ],
)
def test_which_proxy(url: str, no_proxy: str, expected: str | None) -> None:
    """E8."""
    assert proxy_for(url, {"https_proxy": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": no_proxy}) == expected


@pytest.mark.parametrize(
    ("host", "realm", "expected"),
    [
        ("docker.io", "https://auth.docker.io/token", True),
        ("docker.io", "https://auth.docker.io.evil.example/token", False),
        ("ghcr.io", "https://ghcr.io/token", True),
        ("ghcr.io", "https://evil.io/token", False),
        ("registry.gitlab.example", "https://gitlab.example/jwt/auth", True),
        ("registry.gitlab.example", "http://gitlab.example/jwt/auth", False),
        ("registry.corp.example:5000", "https://login.corp.example/token", True),
        ("10.0.0.1:5000", "https://0.0.1/token", False),
        ("10.0.0.1:5000", "http://10.0.0.1:5001/token", True),
        ("localhost:5000", "http://localhost:5001/token", True),
    ],
)
def test_who_may_be_shown_credentials(host: str, realm: str, expected: bool) -> None:
    """E1."""
    assert belongs(RegistryConfig(host=host), realm) is expected


def test_registries_toml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "registries.toml"
    path.write_text('[registry."docker.io"]\nmirrors = ["https://m.example"]\n[registry."r:5000"]\ninsecure = true\n')

    registries = config.load(str(path))

    assert registries.of("docker.io").mirrors == ("https://m.example",)
    assert registries.of("r:5000").insecure
    assert registries.of("other") == RegistryConfig(host="other")
    assert config.load(str(tmp_path / "missing")).of("other") == RegistryConfig(host="other")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[registry", "registries.toml: "),
        ('[registry."a"]\nmirror = []', "registry.\"a\": unknown key 'mirror'"),
        ('[registry."a"]\ninsecure = "yes"', 'registry."a".insecure: not of the right type'),
        ('[registry."a"]\nmirrors = ["m.example"]', "'m.example' is not a URL"),
        ("[mirrors]", "unknown key 'mirrors'"),
        ("registry = 1", "a table"),
    ],
)
def test_a_mistake_in_registries_toml_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "registries.toml"
    path.write_text(text)

    with pytest.raises(ConfigError) as caught:
        config.load(str(path))
    assert said in str(caught.value)


def config_file(tmp_path: Path, document: object | None = None, helpers: dict[str, str] | None = None) -> ConfigFile:
    if document is not None:
        (tmp_path / "config.json").write_text(json.dumps(document))
        (tmp_path / "config.json").chmod(0o600)
    for name, script in (helpers or {}).items():
        (tmp_path / f"docker-credential-{name}").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / f"docker-credential-{name}").chmod(0o755)
    return ConfigFile({"DOCKER_CONFIG": str(tmp_path)})


def test_a_login_is_kept_for_its_owner_only_and_found_again(tmp_path: Path) -> None:
    kept = Credentials(username="ivan", password="a:b")
    file = config_file(tmp_path, {"HttpHeaders": {"X": "y"}})

    assert file.store("registry.example", kept) == f"{tmp_path}/config.json"

    assert file.get("registry.example") == kept
    assert (tmp_path / "config.json").stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / "config.json").read_text())["HttpHeaders"] == {"X": "y"}
    assert file.erase("registry.example")
    assert file.get("registry.example") is None


def test_what_docker_wrote_for_docker_hub_is_found(tmp_path: Path) -> None:
    file = config_file(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": "aXZhbjpzZWNyZXQ="}}})

    assert file.get("docker.io") == Credentials(username="ivan", password="secret")


def test_a_helper_is_asked_and_its_token_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = 'read host; echo "{\\"ServerURL\\":\\"$host\\",\\"Username\\":\\"<token>\\",\\"Secret\\":\\"t-$host\\"}"'
    file = config_file(tmp_path, {"credHelpers": {"registry.example": "own"}}, {"own": answers})
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert file.get("registry.example") == Credentials(identity_token="t-registry.example")


@pytest.mark.parametrize("name", ["../evil", "a/b", "a b", "$(id)"])
def test_a_helper_whose_name_is_a_path_is_not_run(tmp_path: Path, name: str) -> None:
    """E4."""
    with pytest.raises(CredentialsError, match="not a program's name"):
        config_file(tmp_path, {"credsStore": name}).get("registry.example")


@pytest.mark.parametrize("said", ["head -c 100000 /dev/zero", "exec yes", "yes & exec sleep 20"])
def test_a_helper_that_says_too_much_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """E4: nor read any further, though it never ends."""
    file = config_file(tmp_path, {"credsStore": "loud"}, {"loud": said})
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(CredentialsError, match="more than"):
        file.get("registry.example")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("said", ["exec sleep 20", "exec >&-; exec sleep 20", "sleep 1 & exit"])
def test_a_helper_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """E4."""
    file = config_file(tmp_path, {"credsStore": "slow"}, {"slow": said})
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("izba.registry.credentials.HELPER_SECONDS", 0.2)

    with pytest.raises(CredentialsError, match="did not answer"):
        file.get("registry.example")


@pytest.mark.parametrize(
    "said", ["echo rubbish", "exit 0", "echo '[]'", 'echo \'{"Username": 1, "Secret": [2]}\'', "echo secret-1; exit 1"]
)
def test_a_helper_that_says_rubbish_is_an_error_that_does_not_repeat_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """E4, E5: what it says may hold a part of a secret."""
    file = config_file(tmp_path, {"credsStore": "mad"}, {"mad": said})
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(CredentialsError, match=r"mad (gave something|get exited 1)") as told:
        file.get("registry.example")
    assert "secret-1" not in str(told.value)
    assert "rubbish" not in str(told.value)


def test_a_helper_that_cannot_be_run_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = config_file(tmp_path, {"credsStore": "text"})
    (tmp_path / "docker-credential-text").write_text("no program")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(CredentialsError, match="docker-credential-text"):
        file.get("registry.example")


def test_credentials_that_others_can_read_are_pointed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """E4."""
    file = config_file(tmp_path, {"auths": {"registry.example": {"auth": "aXZhbjpzZWNyZXQ="}}})
    (tmp_path / "config.json").chmod(0o644)

    file.get("registry.example")

    assert "can be read by others" in capsys.readouterr().err


@pytest.mark.parametrize("document", [[], {"auths": []}, {"auths": {"a": {"auth": "!!!"}}}, {"auths": {"a": 1}}])
def test_a_config_json_that_is_none_is_an_error(tmp_path: Path, document: object) -> None:
    with pytest.raises(CredentialsError):
        config_file(tmp_path, document).get("a")


def test_a_helper_is_told_the_secret_where_no_process_list_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E5: neither its arguments nor its environment have it."""
    told = f'cat > {tmp_path}/told; tr "\\0" "\\n" < /proc/$$/cmdline > {tmp_path}/listed; env >> {tmp_path}/listed'
    file = config_file(tmp_path, {"credHelpers": {"registry.example": "own"}}, {"own": told})
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    file.store("registry.example", Credentials(username="ivan", password="hunter2-ünlikely"))

    assert json.loads((tmp_path / "told").read_text())["Secret"] == "hunter2-ünlikely"
    listed = (tmp_path / "listed").read_text()
    assert "store" in listed
    assert "hunter2" not in listed
