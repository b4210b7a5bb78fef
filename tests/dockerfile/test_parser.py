"""What each instruction is understood as. (Its form is compared with moby's parser in test_differential.py.)"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from izba.build.dockerfile import DockerfileError, mounts, parse, parse_trigger, ports
from izba.build.dockerfile import instructions as records
from izba.build.dockerfile.heredocs import script
from izba.build.dockerfile.instructions import Instruction, Mount
from izba.errors import Range
from tests.dockerfile.moby import instructions


def only(text: str) -> Instruction:
    """The one instruction in a stage."""
    (instruction,) = parse(f"FROM scratch\n{text}").stages[0].instructions
    return instruction


def mount(text: str) -> Mount:
    run = only(f"RUN --mount={text} true")
    assert isinstance(run, records.Run)
    return mounts.read(run.mounts[0], str)


def refused(text: str) -> str:
    with pytest.raises(DockerfileError) as error:
        parse(f"FROM scratch\n{text}")
    return error.value.message


# The file: stages, directives, places.


def test_stages_have_names_numbers_and_global_args_before_them() -> None:
    dockerfile = parse("ARG V=3\nFROM alpine:$V AS Base\nRUN a\nFROM base\nFROM scratch AS last\nCOPY a b\n")

    assert [stage.name for stage in dockerfile.stages] == ["base", "1", "last"]
    assert [len(stage.instructions) for stage in dockerfile.stages] == [1, 0, 1]
    assert dockerfile.global_args[0].declarations[0].default == "3"
    assert dockerfile.stage("BASE") is dockerfile.stages[0]
    assert dockerfile.stage("1") is dockerfile.stages[1]
    assert dockerfile.stage("9") is None


def test_from_has_a_platform_and_a_digest() -> None:
    text = "FROM --platform=linux/arm64 alpine@sha256:00 as x\n"
    base = parse(text).stages[0].base

    assert (base.base, base.platform, base.alias, base.as_keyword) == ("alpine@sha256:00", "linux/arm64", "x", "as")


def test_directives_are_read() -> None:
    dockerfile = parse(
        "# syntax = docker/dockerfile:1 and more\n# escape=`\n# check=skip=all\nFROM scratch\nRUN a `\n b\n"
    )

    assert dockerfile.syntax == "docker/dockerfile:1"
    assert dockerfile.escape == "`"
    assert dockerfile.check == "skip=all"
    assert only("RUN a \\\n b").original == "RUN a  b"


def test_check_is_found_behind_a_shebang_and_escape_is_not() -> None:
    dockerfile = parse("#!/usr/bin/env -S izba build\n# check=skip=all\n# escape=`\nFROM scratch\n")

    assert (dockerfile.check, dockerfile.escape) == ("skip=all", "\\")


def test_an_instruction_ranges_over_its_lines_and_heredocs() -> None:
    dockerfile = parse("FROM scratch\n\nRUN a \\\n  # comment\n  b\nCOPY <<X /x\n1\n2\nX\nUSER u\n")

    places = [(each.range.start, each.range.end) for each in instructions(dockerfile)]
    assert places == [(1, 1), (3, 5), (6, 9), (10, 10)]


def test_a_word_knows_its_place_across_continued_lines() -> None:
    copy = only("COPY --from=a \\\n  one \\\n# comment\n    two /three/\n")
    assert isinstance(copy, records.Copy)

    places = [
        (word.place.start, word.place.column, word.place.end_column) for word in (*copy.sources, copy.destination)
    ]
    assert places == [(3, 3, 5), (5, 5, 7), (5, 9, 15)]


def test_comments_above_an_instruction_belong_to_it() -> None:
    text = "# first\n#\n# name what it is\n# check=skip=all\nENV a=b\n"

    assert only(text).comments == ("name what it is", "check=skip=all")


def test_empty_lines_in_an_instruction_are_passed_over_and_told() -> None:
    dockerfile = parse("FROM scratch\nRUN a \\\n\n  b\n")

    assert dockerfile.empty_continuations == (3,)
    assert dockerfile.stages[0].instructions[0].original == "RUN a   b"


def test_a_byte_order_mark_and_windows_line_ends_are_not_text() -> None:
    dockerfile = parse(b"\xef\xbb\xbfFROM scratch\r\nENV a=b\r\n")

    assert dockerfile.stages[0].instructions[0].original == "ENV a=b"


def test_other_bytes_than_utf8_may_stand_in_comments_only() -> None:
    assert parse(b"# J\xfcrgen\nFROM scratch\n").stages

    with pytest.raises(DockerfileError, match="not UTF-8") as error:
        parse(b"FROM scratch\nLABEL a=J\xfcrgen\n")
    assert (error.value.place.start, error.value.place.column) == (2, 10)


# RUN.


def test_run_has_shell_and_exec_form() -> None:
    shell, array = only("RUN echo  $a | cat"), only('RUN ["echo", "$a"]')
    assert isinstance(shell, records.Run)
    assert isinstance(array, records.Run)

    assert (shell.command.arguments, shell.command.is_shell) == (("echo  $a | cat",), True)
    assert (array.command.arguments, array.command.is_shell) == (("echo", "$a"), False)


def test_text_behind_a_json_array_makes_a_shell_form() -> None:
    run = only('RUN ["a"] && b')
    assert isinstance(run, records.Run)

    assert run.command.is_shell


@pytest.mark.parametrize(
    ("text", "expected", "file_name"),
    [
        ("RUN <<EOF\necho a\necho b\nEOF\n", "echo a\necho b\n", None),
        ("RUN <<-EOF\n\t\techo a\n\tEOF\n", "echo a\n", None),
        ("RUN << EOF\necho a\nEOF\n", "echo a\n", None),
        ("RUN <<'EOF'\n#!/bin/python\nprint()\nEOF\n", "#!/bin/python\nprint()\n", "EOF"),
        ("RUN python3 <<EOF\nprint()\nEOF\n", "python3 <<EOF\nprint()\nEOF", None),
        ("RUN cat <<A <<B\na\nA\nb\nB\n", "cat <<A <<B\na\nA\nb\nB", None),
        ("RUN cat 3<<A\na\nA\n", "cat 3<<A\na\nA", None),
    ],
)
def test_a_runs_heredoc_is_its_script_or_the_shells(text: str, expected: str, file_name: str | None) -> None:
    run = only(text)
    assert isinstance(run, records.Run)

    result = script(run)

    assert result is not None
    assert (result.text, result.file_name) == (expected, file_name)


def test_a_run_without_heredocs_has_no_script() -> None:
    for text in ("RUN echo '<<EOF'", 'RUN ["cat", "<<EOF"]', "RUN echo $((1<<2))", "RUN echo ${a^^} <<EOF"):
        run = only(text)
        assert isinstance(run, records.Run)
        assert script(run) is None


def test_run_has_a_network() -> None:
    for network in ("none", "host", "default"):
        run = only(f"RUN --network={network} true")
        assert isinstance(run, records.Run)
        assert run.network == network


def test_insecure_runs_and_devices_are_refused_with_a_reason() -> None:
    only("RUN --security=sandbox true")

    assert "a build never gets more rights than a container" in refused("RUN --security=insecure true")
    assert refused("RUN --security=odd true") == 'security "odd" is not valid'
    assert "RUN --device is not supported" in refused("RUN --device=vendor.com/gpu=all true")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target=/a", Mount(kind="bind", target="/a")),
        ("from=x,src=/b,dst=/a", Mount(kind="bind", from_="x", source="/b", target="/a")),
        ("target=/a,rw", Mount(kind="bind", target="/a", read_only=False)),
        ("target=/a,readonly=false", Mount(kind="bind", target="/a", read_only=False)),
        ("type=cache,target=/a", Mount(kind="cache", target="/a", read_only=False)),
        (
            "type=cache,id=i,sharing=Locked,ro,mode=0700,uid=1,gid=2,destination=/a,from=s,source=/d",
            Mount(
                kind="cache",
                id="i",
                sharing="locked",
                mode=0o700,
                uid=1,
                gid=2,
                target="/a",
                from_="s",
                source="/d",
            ),
        ),
        ("type=tmpfs,target=/a", Mount(kind="tmpfs", target="/a", read_only=False)),
        ("type=tmpfs,target=/a,size=1.5k", Mount(kind="tmpfs", target="/a", read_only=False, size=1536)),
        ("type=tmpfs,target=/a,size=2GiB", Mount(kind="tmpfs", target="/a", read_only=False, size=2 << 30)),
        ("type=secret,id=s", Mount(kind="secret", id="s")),
        ("type=secret,id=s,env=S,required", Mount(kind="secret", id="s", env="S", required=True)),
        ("type=secret,src=s,target=/t,mode=0400", Mount(kind="secret", source="s", target="/t", mode=0o400)),
        ("type=ssh,id=i,required=false", Mount(kind="ssh", id="i")),
        ('"target=/a,b",TYPE=CACHE', Mount(kind="cache", target="/a,b", read_only=False)),
    ],
)
def test_a_mount_has_buildkits_defaults(text: str, expected: Mount) -> None:
    assert mount(text.replace('"', '\\"')) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=odd", 'unsupported mount type "odd"'),
        ("type=cache,target", "invalid field 'target' must be a key=value pair"),
        ("type=cache,nope=1", "unexpected key 'nope' in 'nope=1'"),
        ("type=cache,sharing=all", 'unsupported sharing value "all"'),
        ("type=bind,sharing=shared", "invalid cache sharing set for bind mount"),
        ("type=bind,mode=0700", 'mode not allowed for "bind" type mounts'),
        ("type=tmpfs,uid=1", 'uid not allowed for "tmpfs" type mounts'),
        ("type=bind,size=1m", "unexpected key 'size' for mount type 'bind'"),
        ("type=tmpfs,size=big", "invalid value for size: big"),
        ("required,type=secret,id=x", "unexpected key 'required' for mount type 'bind'"),
        ("type=cache,mode=9", "invalid value 9 for mode"),
        ("type=cache,uid=-1", "invalid value -1 for uid"),
        ("type=cache,uid=4294967296", "invalid value 4294967296 for uid"),
        ("type=bind,ro=perhaps", "invalid value for ro: perhaps"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=a,source=b", "both source and id can't be set"),
        ("type=secret,id=a,from=b", "secret mount should not have a from"),
        ("type=secret,id=a,sharing=shared", "secret mount should not define sharing"),
        ("from=$stage,target=/a", "'from' doesn't support variable expansion, define alias stage instead"),
    ],
)
def test_a_wrong_mount_says_what_is_wrong(text: str, message: str) -> None:
    assert refused(f"RUN --mount={text} true") == message


def test_a_mount_with_variables_is_read_when_they_are_known() -> None:
    run = only("RUN --mount=type=$kind,target=${where:-/c} true")
    assert isinstance(run, records.Run)

    read = mounts.read(run.mounts[0], lambda word: {"$kind": "cache", "${where:-/c}": "/x"}.get(word, word))

    assert read == Mount(kind="cache", target="/x", read_only=False)
    with pytest.raises(DockerfileError, match='unsupported mount type "no"'):
        mounts.read(run.mounts[0], lambda _: "no")


# COPY and ADD.


def test_copy_has_all_its_flags() -> None:
    copy = only("COPY --from=b --chown=$u:g --chmod=u=rwX --link --parents --exclude=*.a --exclude=b a b /c/")
    assert isinstance(copy, records.Copy)

    assert (copy.from_, copy.chown, copy.chmod) == ("b", "$u:g", "u=rwX")
    assert (copy.link, copy.parents, copy.exclude) == (True, True, ("*.a", "b"))
    assert (copy.sources, copy.destination) == (("a", "b"), "/c/")
    assert not isinstance(only("COPY --link=false a b"), records.Add)


def test_add_has_all_its_flags_and_knows_which_were_given() -> None:
    add = only("ADD --checksum=sha256:00 --keep-git-dir --unpack=false --chown=1 --chmod=7 --link --exclude=x a b")
    plain = only("ADD https://example.org/x /")
    assert isinstance(add, records.Add)
    assert isinstance(plain, records.Add)

    assert (add.checksum, add.keep_git_dir, add.unpack, add.link) == ("sha256:00", True, False, True)
    assert (add.chown, add.chmod, add.exclude) == ("1", "7", ("x",))
    assert (plain.checksum, plain.keep_git_dir, plain.unpack, plain.link) == (None, None, None, False)


def test_copy_has_a_json_form_in_which_a_heredoc_is_a_name() -> None:
    copy = only('COPY ["a b", "<<EOF", "/c d/"]')
    assert isinstance(copy, records.Copy)

    assert (copy.sources, copy.destination, copy.heredocs) == (("a b", "<<EOF"), "/c d/", ())


def test_copy_has_heredocs_among_its_sources() -> None:
    copy = only("COPY <<a.txt file <<-'b.txt' /dir/\n$x\na.txt\n\t\t$y\n\tb.txt\n")
    assert isinstance(copy, records.Copy)

    assert (copy.sources, copy.destination) == (("file",), "/dir/")
    assert [(each.name, each.content, each.expand, each.strip_tabs) for each in copy.heredocs] == [
        ("a.txt", "$x\n", True, False),
        ("b.txt", "$y\n", False, True),
    ]


def test_a_heredocs_content_knows_its_lines() -> None:
    copy = only("COPY <<-X /x\n\tone\n\t\t${two:?}\n\tX\n")
    assert isinstance(copy, records.Copy)

    place = copy.heredocs[0].content.part(4, 12).place
    assert (place.start, place.column) == (4, 3)


# The image's configuration.


def test_env_has_two_forms() -> None:
    new, old = only('ENV a=b c="d e" f='), only("ENV a b  c")
    assert isinstance(new, records.Env)
    assert isinstance(old, records.Env)

    assert [(pair.key, pair.value) for pair in new.pairs] == [("a", "b"), ("c", '"d e"'), ("f", "")]
    assert ([(pair.key, pair.value) for pair in old.pairs], old.is_legacy) == ([("a", "b  c")], True)


def test_label_is_like_env() -> None:
    label = only('LABEL "com.example x"=1 b=2')
    assert isinstance(label, records.Label)

    assert [(pair.key, pair.value) for pair in label.pairs] == [('"com.example x"', "1"), ("b", "2")]


def test_arg_declares_several_with_and_without_defaults() -> None:
    arg = only('ARG a b=c d="" e=f=g')
    assert isinstance(arg, records.Arg)

    declared = [(each.name, each.default) for each in arg.declarations]
    assert declared == [("a", None), ("b", "c"), ("d", '""'), ("e", "f=g")]


def test_cmd_and_entrypoint_have_both_forms() -> None:
    cmd, entrypoint = only("CMD []"), only("ENTRYPOINT exec top")
    assert isinstance(cmd, records.Cmd)
    assert isinstance(entrypoint, records.Entrypoint)

    assert (cmd.command.arguments, cmd.command.is_shell) == ((), False)
    assert (entrypoint.command.arguments, entrypoint.command.is_shell) == (("exec top",), True)


def test_half_a_character_in_json_is_replaced() -> None:
    cmd = only(r'CMD ["\ud800x"]')
    assert isinstance(cmd, records.Cmd)

    assert cmd.command.arguments == ("\ufffdx",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", ("80/tcp",)),
        ("53/UDP", ("53/udp",)),
        ("8000-8002/sctp", ("8000/sctp", "8001/sctp", "8002/sctp")),
        ("127.0.0.1:80:8080", ("8080/tcp",)),
        ("[::1]:80:8080/tcp", ("8080/tcp",)),
        ("80:8080", ("8080/tcp",)),
    ],
)
def test_a_port_becomes(text: str, expected: tuple[str, ...]) -> None:
    assert ports.parse(text) == expected


@pytest.mark.parametrize("text", ["", "x", "80/icmp", "90-80", "70000", "-1", "80-", "/tcp", "٣"])
def test_a_wrong_port_is_refused(text: str) -> None:
    with pytest.raises(ports.InvalidPort):
        ports.parse(text)


def test_expose_volume_user_workdir_shell_stopsignal_and_maintainer() -> None:
    expose, volume, user = only("EXPOSE 90 80/udp $p"), only('VOLUME ["/a b", " /c "]'), only("USER a:b c")
    workdir, shell, stop = only("WORKDIR /a b"), only('SHELL ["/bin/bash", "-c"]'), only("STOPSIGNAL SIGTERM")
    maintainer = only("MAINTAINER a <b@c>")

    assert isinstance(expose, records.Expose)
    assert expose.ports == ("$p", "80/udp", "90")
    assert isinstance(volume, records.Volume)
    assert volume.paths == ("/a b", "/c")
    assert isinstance(user, records.User)
    assert user.user == "a:b c"
    assert isinstance(workdir, records.Workdir)
    assert workdir.path == "/a b"
    assert isinstance(shell, records.Shell)
    assert shell.shell == ("/bin/bash", "-c")
    assert isinstance(stop, records.Stopsignal)
    assert stop.signal == "SIGTERM"
    assert isinstance(maintainer, records.Maintainer)
    assert maintainer.maintainer == "a <b@c>"


def test_healthcheck_has_options_and_none() -> None:
    check = only(
        "HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2h --start-interval=5s --retries=3 CMD a b"
    )
    none, array = only("healthcheck none"), only('HEALTHCHECK CMD ["a", "b"]')
    assert isinstance(check, records.Healthcheck)
    assert isinstance(none, records.Healthcheck)
    assert isinstance(array, records.Healthcheck)

    second = 10**9
    assert check.test == ("CMD-SHELL", "a b")
    assert (check.interval, check.timeout) == (90 * second, second // 2)
    assert (check.start_period, check.start_interval, check.retries) == (7200 * second, 5 * second, 3)
    assert (none.test, array.test, array.interval) == (("NONE",), ("CMD", "a", "b"), 0)


# ONBUILD.


def test_onbuild_keeps_its_trigger_as_text_and_understood() -> None:
    onbuild = only("ONBUILD  RUN --network=none <<-E cat\n\ta\n\tE\n")
    assert isinstance(onbuild, records.Onbuild)

    assert onbuild.expression == "RUN --network=none <<-E cat\na\nE"
    assert isinstance(onbuild.trigger, records.Run)
    assert onbuild.trigger.network == "none"

    again = parse_trigger(onbuild.expression)
    assert isinstance(again, records.Run)
    assert script(again) == script(onbuild.trigger)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD from x", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD MAINTAINER x", "MAINTAINER isn't allowed as an ONBUILD trigger"),
        ("ONBUILD RUM x", "unknown instruction: RUM"),
    ],
)
def test_some_triggers_are_forbidden(text: str, message: str) -> None:
    assert refused(text) == message


def test_a_trigger_is_one_instruction() -> None:
    for text in ("", "RUN a\nRUN b", "# nothing"):
        with pytest.raises(DockerfileError, match="an ONBUILD trigger is one instruction"):
            parse_trigger(text)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80) | st.binary(max_size=60).map(b"FROM a\nRUN ".__add__))
def test_any_bytes_are_a_dockerfile_or_a_dockerfile_error(data: bytes | str) -> None:
    place = Range("", 1)
    try:
        parse(data)
    except DockerfileError as error:
        place = error.place
    assert 1 <= place.start <= place.end
