from __future__ import annotations

import pytest

from izba.errors import InvalidArgument
from izba.oci.documents import ContainerDefaults
from izba.runtime.specgen import process
from izba.runtime.specgen.generate import generate
from izba.runtime.specgen.request import HostFacts, MountRequest, SpecRequest, User

IMAGE: ContainerDefaults = {"Entrypoint": ["/entry"], "Cmd": ["serve", "--all"]}


@pytest.mark.parametrize(
    ("image", "entrypoint", "command", "expected"),
    [
        (IMAGE, None, (), ("/entry", "serve", "--all")),
        (IMAGE, None, ("sh",), ("/entry", "sh")),
        (IMAGE, ("/other",), (), ("/other",)),
        (IMAGE, ("/other",), ("x",), ("/other", "x")),
        (IMAGE, (), ("sh", "-c", "id"), ("sh", "-c", "id")),
        ({"Cmd": ["bash"]}, None, (), ("bash",)),
        ({"Entrypoint": None, "Cmd": None}, None, ("true",), ("true",)),
    ],
)
def test_the_command_line_is_entrypoint_and_command(
    image: ContainerDefaults, entrypoint: tuple[str, ...] | None, command: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert process.command_line(image, entrypoint=entrypoint, command=command) == expected


def test_an_entrypoint_of_ones_own_drops_the_images_command() -> None:
    with pytest.raises(process.NoCommand, match="no command specified"):
        process.command_line(IMAGE, entrypoint=())


def test_later_variables_win_and_a_bare_name_takes_one_out() -> None:
    assert process.environment(["A=1", "B=2", "C=3"], ["B=two", "C", "D="], ["A=one"]) == ["A=one", "B=two", "D="]


@pytest.mark.parametrize("entry", ["=x", "", "A=\0"])
def test_a_variable_without_a_name_or_with_a_nul_is_refused(entry: str) -> None:
    """B4"""
    with pytest.raises(InvalidArgument, match="environment variable"):
        process.environment([entry])


def test_the_images_variables_win_over_lent_ones_and_the_users_over_both(
    request_: SpecRequest, host: HostFacts
) -> None:
    image = {"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin", "PIP_CERT=/image"]}}
    request = request_.replace(defaults_env=("PIP_CERT=/lent", "http_proxy=p", "X=lent"), env=("X=user",), tty=True)
    env = generate(request, image, host)["process"]["env"]
    assert env == [
        "PATH=/bin",
        "HOSTNAME=0123456789ab",
        "TERM=xterm",
        "PIP_CERT=/image",
        "http_proxy=p",
        "X=user",
        "HOME=/",
    ]


def test_home_is_the_users_unless_it_is_set(request_: SpecRequest, host: HostFacts) -> None:
    request = request_.replace(user=User(uid=7, home="/home/seven"))
    assert generate(request, None, host)["process"]["env"][-1] == "HOME=/home/seven"
    assert "HOME=/tmp" in generate(request.replace(env=("HOME=/tmp",)), None, host)["process"]["env"]


def test_variables_that_name_lent_files_go_with_them_when_the_user_brings_his_own_dev(
    request_: SpecRequest, host: HostFacts
) -> None:
    spec = generate(
        request_.replace(
            defaults_env=("PIP_CERT=/dev/izba/ca.crt", "http_proxy=p"),
            engine_mounts=(MountRequest(type="bind", source="/run/x", target="/dev/izba", read_only=True),),
            mounts=(MountRequest(type="bind", source="/dev", target="/dev"),),
        ),
        None,
        host,
    )
    assert "/dev/izba" not in str(spec)
    assert "http_proxy=p" in spec["process"]["env"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("/", "/"), ("/app", "/app"), ("/app/../srv//x/.", "/srv/x"), ("/../../etc", "/etc"), ("//app", "/app")],
)
def test_a_working_directory_is_made_normal_and_never_leaves_the_root(given: str, expected: str) -> None:
    """B4"""
    assert process.working_directory(given) == expected


@pytest.mark.parametrize(
    "given",
    ["app", "", "/a\0b", "/proc/self/fd/7", "/proc/1/fd/9/../../..//proc/self/fd/8", "/x/../proc/self/task/1/fd/3"],
)
def test_a_working_directory_that_is_relative_or_behind_a_descriptor_is_refused(given: str) -> None:
    """B4, CVE-2024-21626"""
    with pytest.raises(InvalidArgument, match="working directory"):
        process.working_directory(given)


def test_the_working_directory_is_the_users_else_the_images_else_the_root(
    request_: SpecRequest, host: HostFacts
) -> None:
    image = {"architecture": "amd64", "os": "linux", "config": {"WorkingDir": "/app"}}
    assert generate(request_.replace(cwd="/x"), image, host)["process"]["cwd"] == "/x"
    assert generate(request_, image, host)["process"]["cwd"] == "/app"
    assert generate(request_, None, host)["process"]["cwd"] == "/"


def test_an_argument_with_a_nul_is_refused(request_: SpecRequest, host: HostFacts) -> None:
    """B4"""
    with pytest.raises(InvalidArgument, match="argument"):
        generate(request_.replace(args=("echo", "a\0b")), None, host)


def test_groups_asked_for_join_the_users_own(request_: SpecRequest, host: HostFacts) -> None:
    user = User(uid=1, gid=2, additional_gids=(2, 3))
    spec = generate(request_.replace(user=user, group_add=(3, 44)), None, host)
    assert spec["process"]["user"] == {"uid": 1, "gid": 2, "additionalGids": [2, 3, 44]}
