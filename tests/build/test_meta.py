"""FROM, ARG, ENV and what else says how an image's containers are."""

from __future__ import annotations

import pytest

from izba.build.convert.stages import UnknownTarget
from izba.build.dockerfile.source import DockerfileError
from izba.errors import SourceError
from tests.build.builder import Builder

pytestmark = pytest.mark.root


def test_every_setting_of_the_config(build: Builder) -> None:
    done = build(
        "FROM busybox\n"
        "MAINTAINER someone <s@example.com>\n"
        "ENV A=1 B='two words' C=$PATH\n"
        'LABEL x=y z.q="1 2"\n'
        "WORKDIR /w\nWORKDIR sub\n"
        "USER app:staff\n"
        "EXPOSE 80 53/udp 8000-8001\n"
        "VOLUME /data /more\n"
        "STOPSIGNAL SIGQUIT\n"
        "HEALTHCHECK --interval=5s --timeout=2s --start-period=1m --start-interval=3s --retries=4 CMD true\n"
        'SHELL ["/bin/sh", "-ec"]\n'
        'ENTRYPOINT ["/bin/echo"]\n'
        "CMD shell form\n"
        "ONBUILD RUN echo trigger\n",
        labels=(("x", "from the command line"),),
    )

    second = 10**9
    assert done.config == {
        "Env": ["PATH=/bin:/usr/bin", "A=1", "B=two words", "C=/bin:/usr/bin"],
        "Labels": {"x": "from the command line", "z.q": "1 2"},
        "WorkingDir": "/w/sub",
        "User": "app:staff",
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}},
        "Volumes": {"/data": {}, "/more": {}},
        "StopSignal": "SIGQUIT",
        "Healthcheck": {
            "Test": ["CMD-SHELL", "true"],
            "Interval": 5 * second,
            "Timeout": 2 * second,
            "StartPeriod": 60 * second,
            "StartInterval": 3 * second,
            "Retries": 4,
        },
        "Shell": ["/bin/sh", "-ec"],
        "Entrypoint": ["/bin/echo"],
        "Cmd": ["/bin/sh", "-ec", "shell form"],
        "OnBuild": ["RUN echo trigger"],
    }
    assert done.image.config["author"] == "someone <s@example.com>"


def test_entrypoint_takes_the_bases_command_away(build: Builder) -> None:
    assert "Cmd" not in build('FROM busybox\nENTRYPOINT ["x"]\n').config
    assert build('FROM busybox\nCMD ["a"]\nENTRYPOINT ["x"]\n').config["Cmd"] == ["a"]
    assert build("FROM busybox\nENV X=1\n").config["Cmd"] == ["sh"]


def test_history_says_what_was_done_and_what_made_a_layer(build: Builder) -> None:
    done = build('FROM busybox\nARG V=1\nENV E=2\nWORKDIR /w\nRUN echo $V > f\nCOPY x /x\nCMD ["c"]\n', {"x": ""})

    history = done.image.config["history"][1:]
    assert [(entry["created_by"], entry.get("empty_layer", False)) for entry in history] == [
        ("ARG V=1", True),
        ("ENV E=2", True),
        ("WORKDIR /w", False),
        ("RUN |1 V=1 /bin/sh -c echo $V > f", False),
        ("COPY x /x", False),
        ('CMD ["c"]', True),
    ]
    assert len(done.layers) == 1 + sum(not entry.get("empty_layer", False) for entry in history)


# -- variables


def test_global_args_are_for_from_and_inherited_by_declaration(build: Builder) -> None:
    done = build(
        "ARG BASE=nope\nARG VERSION=7\nFROM ${BASE:-x} AS first\nARG VERSION\nARG OTHER\n"
        'RUN echo "first [$VERSION] [$OTHER]"\nFROM first\nRUN echo "second [$VERSION]"\n'
        "ARG LATER=$VERSION-x\nRUN echo $LATER\n",
        args={"BASE": "busybox"},
    )

    assert done.output == "first [7] []\nsecond [7]\n7-x\n"


def test_a_stage_from_an_image_does_not_see_what_it_did_not_declare(build: Builder) -> None:
    done = build('ARG V=1\nFROM busybox\nRUN echo "[$V]"\n')
    assert done.output == "[]\n"


def test_env_wins_over_an_earlier_arg_and_is_in_the_image_where_an_arg_is_not(build: Builder) -> None:
    done = build("FROM busybox\nARG X=arg\nARG Y=only\nENV X=env\nRUN echo $X $Y\n", args={"X": "command line"})

    assert done.output == "env only\n"
    assert done.config["Env"] == ["PATH=/bin:/usr/bin", "X=env"]


def test_one_env_instruction_sees_the_values_from_before_it(build: Builder) -> None:
    done = build("FROM busybox\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\nRUN echo $abc $def $ghi\n")
    assert done.output == "bye hello bye\n"


def test_platform_arguments(build: Builder) -> None:
    done = build(
        "FROM --platform=$BUILDPLATFORM busybox AS build\nARG TARGETPLATFORM\n"
        "ARG TARGETOS TARGETARCH BUILDARCH TARGETSTAGE\n"
        "RUN echo $TARGETPLATFORM $TARGETOS $TARGETARCH $BUILDARCH $TARGETSTAGE\n"
    )

    architecture = done.image.config["architecture"]
    assert done.output == f"linux/{architecture} linux {architecture} {architecture} build\n"


def test_proxies_reach_run_and_neither_history_nor_config_nor_key(build: Builder) -> None:
    """D9: proxy credentials are nowhere in the image."""
    text = "FROM busybox\nRUN echo $http_proxy $HTTP_PROXY > /dev/stderr; echo done-proxy\n"

    first = build(text, args={"HTTP_PROXY": "http://user:hunter2@proxy.example"})
    second = build(text, args={"HTTP_PROXY": "http://other.example"})

    assert "http://user:hunter2@proxy.example http://user:hunter2@proxy.example" in first.output
    assert second.executed == []
    assert b"hunter2" not in first.image.config_bytes
    assert first.warnings == []


def test_build_args_that_nobody_uses_are_told(build: Builder) -> None:
    assert build("FROM busybox\n", args={"TYPO": "1"}).warnings == ["One or more build-args ['TYPO'] were not consumed"]


def test_a_variable_that_must_be_set_points_at_itself(build: Builder) -> None:
    with pytest.raises(DockerfileError, match="VERSION: is needed") as caught:
        build("FROM busybox\nENV V=${VERSION:?'is needed'}\n")
    assert caught.value.place.start == 2


# -- stages


def test_only_what_the_target_needs_is_done(build: Builder) -> None:
    text = (
        "FROM busybox AS base\nRUN echo base-needed\n"
        "FROM base AS unused\nRUN exit 1\n"
        "FROM no-such-image AS unresolved\n"
        "FROM base AS wanted\nRUN echo wanted\n"
        "FROM base\nRUN exit 1\n"
    )

    done = build(text, target="WANTED")

    assert done.output == "base-needed\nwanted\n"
    assert build(text, target="3").executed == []


def test_an_unknown_target_names_the_nearest(build: Builder) -> None:
    with pytest.raises(UnknownTarget, match='"buidler"') as caught:
        build("FROM busybox AS builder\n", target="buidler")
    assert caught.value.hint == "did you mean builder?"


@pytest.mark.parametrize("line", ["FROM biulder", "FROM busybox\nCOPY --from=biulder /a /b"])
def test_a_misspelt_stage_is_not_only_an_image_that_is_not_there(build: Builder, line: str) -> None:
    with pytest.raises(DockerfileError, match="No such image") as caught:
        build(f"FROM busybox AS builder\n{line}\n")
    assert caught.value.hint == "did you mean the stage builder?"


def test_a_missing_base_says_how_to_get_one(build: Builder) -> None:
    with pytest.raises(SourceError) as caught:
        build("FROM busybox\nFROM python:3.11-slim\n")
    assert caught.value.place.start == 2
    assert "izba image bootstrap python:3.11-slim" in (caught.value.hint or "")


def test_scratch_has_nothing(build: Builder) -> None:
    done = build("FROM scratch\nCOPY f /f\n", {"f": "x"})

    assert len(done.layers) == 1
    assert done.config["Env"] == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    assert done.config["WorkingDir"] == "/"


def test_an_image_of_no_layer_at_all(build: Builder) -> None:
    done = build("FROM scratch\nLABEL a=b\n")
    again = build("FROM scratch\nLABEL a=b\n")

    assert done.layers == ()
    assert done.image.id == again.image.id


def test_a_stage_that_is_another_stages_base_passes_all_on(build: Builder) -> None:
    done = build(
        'FROM busybox AS a\nENV X=1\nWORKDIR /w\nUSER app\nSHELL ["/bin/sh","-ec"]\nFROM a\n'
        "RUN echo $X $PWD $(id -un)\n"
    )

    assert done.output == "1 /w app\n"
    assert done.config["Shell"] == ["/bin/sh", "-ec"]


def test_onbuild_runs_in_the_next_build_and_is_then_gone(build: Builder) -> None:
    """D8: the triggers of a base are steps like others, and so in the key."""
    build.build(
        build.context("FROM busybox\nONBUILD ARG WHO=nobody\nONBUILD COPY f /onbuild/\nONBUILD RUN echo for $WHO\n"),
        tags=("with-triggers",),
    )

    done = build("FROM with-triggers\nRUN echo own\n", {"f": "content"}, args={"WHO": "me"})

    assert done.output == "for me\nown\n"
    assert done.read("onbuild/f") == "content"
    assert "OnBuild" not in done.config
    assert build("FROM with-triggers\nRUN echo own\n", {"f": "other"}, args={"WHO": "me"}).read("onbuild/f") == "other"


def test_onbuild_of_an_earlier_stage(build: Builder) -> None:
    assert build("FROM busybox AS a\nONBUILD RUN echo triggered\nFROM a\n").output == "triggered\n"


def test_named_contexts_replace_images_and_stages(build: Builder, tmp_path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/own").write_text("own")

    done = build(
        "FROM debian:bookworm AS x\nFROM busybox AS tool\nRUN exit 1\nFROM x\nCOPY --from=tool /bin/busybox /bb\n",
        contexts={"docker.io/library/debian:bookworm": str(tmp_path), "tool": "docker-image://busybox"},
    )

    assert done.read("etc/own") == "own"
    assert done.exists("bb")


@pytest.mark.parametrize(
    ("dockerfile", "message", "line"),
    [
        ("FROM busybox\nSTOPSIGNAL SIGNOPE\n", "invalid signal", 2),
        ("FROM busybox\nEXPOSE 99999\n", "invalid port", 2),
        ("ARG B\nFROM $B\n", "should not be blank", 2),
        ("FROM busybox\nRUNN x\n", "unknown instruction: RUNN", 2),
    ],
)
def test_errors_point_at_their_line(build: Builder, dockerfile: str, message: str, line: int) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        build(dockerfile)
    assert caught.value.place.start == line


def test_workdir_makes_its_directory_for_the_user_and_no_layer_where_it_is(build: Builder) -> None:
    done = build("FROM busybox\nUSER app\nWORKDIR /home/app/x\nUSER root\nWORKDIR /etc\n")

    assert done.owner("home/app/x") == (1000, 1001)
    assert done.mode("home/app/x") == 0o755
    assert len(done.layers) == 2
    assert done.config["WorkingDir"] == "/etc"


def test_an_external_frontend_is_refused_and_docker_s_own_is_what_izba_speaks(build: Builder) -> None:
    """D7"""
    from izba.engine.building import UnknownFrontend

    build("# syntax=docker/dockerfile:1.7\nFROM busybox\n")
    with pytest.raises(UnknownFrontend, match="external frontends are not run"):
        build("# syntax=evil.example/frontend:latest\nFROM busybox\n")
