"""`izba build`: an image from a Dockerfile."""

from __future__ import annotations

import os
import sys

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.build.options import Options
    from izba.cli.context import Context
    from izba.cli.options.flags import Flags
    from izba.engine.buildcaches import CachePlace
    from izba.engine.buildrequest import BuildRequest, Checked
    from izba.runtime.specgen.request import Ulimit

COMMAND = Command(
    name="build",
    usage="[OPTIONS] PATH | -",
    summary="Build an image from a Dockerfile",
    aliases=("builder build", "image build", "buildx build"),
    minimum=1,
    maximum=1,
    flags=(
        Flag(name="add-host", kind="list", help="Add a custom host-to-IP mapping", shown="HOST:IP"),
        Flag(name="annotation", kind="list", help="Add an annotation to the image", shown="KEY=VALUE"),
        Flag(name="bootstrap", help="Make missing base images from signed packages (or IZBA_BOOTSTRAP=1)"),
        Flag(name="build-arg", kind="list", help="Set a build-time variable", shown="NAME[=VALUE]"),
        Flag(name="build-context", kind="list", help="Name another context", shown="NAME=PATH"),
        Flag(name="cache-from", kind="list", help="Use another build cache too", shown="type=…"),
        Flag(name="cache-to", kind="list", help="Write the build cache there", shown="type=…"),
        Flag(name="check", help="Make only the build checks"),
        Flag(name="file", short="f", kind="string", help='Name of the Dockerfile (default "PATH/Dockerfile")'),
        Flag(name="force-rm", hidden=True),
        Flag(name="iidfile", kind="string", help="Write the image's id to the file"),
        Flag(name="label", kind="list", help="Set a label of the image", shown="KEY=VALUE"),
        Flag(name="load", help="Put the image into the store, whatever other outputs there are"),
        Flag(name="metadata-file", kind="string", help="Write the build's result as JSON to the file"),
        Flag(name="network", kind="string", help='Network of RUN: "default", "host" or "none"'),
        Flag(name="no-cache", help="Do not use the cache"),
        Flag(name="no-cache-filter", kind="list", help="Do not use the cache for these stages", shown="STAGE"),
        Flag(name="no-host-trust", help="Do not lend RUN the host's proxies, certificates and package indexes"),
        Flag(name="output", short="o", kind="list", help='Where the result goes ("type=local,dest=PATH")'),
        Flag(
            name="platform",
            kind="list",
            help="Platform of the image, or several (or DOCKER_DEFAULT_PLATFORM)",
            shown="OS/ARCH[,…]",
        ),
        Flag(name="progress", kind="string", help='How progress is shown: "auto", "plain", "tty" or "quiet"'),
        Flag(name="pull", help="Always look for newer base images"),
        Flag(name="push", help="Push the image to the registry of its name (--output type=registry)"),
        Flag(name="quiet", short="q", help="Print only the image's id"),
        Flag(name="rm", hidden=True),
        Flag(name="secret", kind="list", help="A secret for RUN --mount=type=secret", shown="id=NAME,src=FILE"),
        Flag(name="shm-size", kind="string", help="Size of /dev/shm in RUN", shown="bytes"),
        Flag(name="tag", short="t", kind="list", help="Name of the image", shown="NAME[:TAG]"),
        Flag(name="target", kind="string", help="The stage to build"),
        Flag(name="ulimit", kind="list", help="Limits of RUN", shown="NAME=SOFT[:HARD]"),
    ),
)


def run(context: Context, argv: list[str]) -> int:
    """Build, and say what the image is called where nobody watches."""
    flags = COMMAND.parse(argv)
    engine = context.engine()
    with engine:
        from izba.cli.output.progress import progress
        from izba.engine import builds

        request = _request(flags)
        remembered = builds.recall(engine, request)
        if remembered is None:
            engine.enter_user_namespace()
            builds.enter()
        quiet = flags.on("quiet") or flags.text("progress") == "quiet"
        try:
            mode = "quiet" if quiet else flags.text("progress") or os.environ.get("BUILDKIT_PROGRESS") or "auto"
            with progress(mode) as sink:
                if remembered is None:
                    built = builds.build_anew(engine, request, sink)
                else:
                    built = builds.retell(remembered, request, sink)
        except builds.StepFailed as error:
            _say_last_words(error.tail)
            raise
        if built.checked is not None and request.check_only:
            return _print_findings(built.checked)
        builds.write_results(built, iidfile=flags.text("iidfile"), metadata_file=flags.text("metadata-file"))
        if quiet and built.image is not None:
            print(built.image.id)
    return 0


def _print_findings(checked: Checked) -> int:
    """What the checks found; it fails a command that was to find it."""
    from izba.cli.output.checks import report

    sys.stdout.write(report(checked.dockerfile, checked.findings))
    return 1 if checked.findings else 0


def _request(flags: Flags) -> BuildRequest:
    from izba.build.export.output import IMAGE, PUSH, parse_output
    from izba.build.secrets import parse_secret
    from izba.engine.buildrequest import BuildRequest

    wanted = [parse_output(text) for text in flags.all("output")]
    if flags.on("push"):
        wanted.append(PUSH)
    if not wanted or (flags.on("load") and IMAGE not in wanted):
        wanted.append(IMAGE)
    from_, to = flags.all("cache-from"), flags.all("cache-to")
    caches = _caches(from_, to) if from_ or to else ((), ())
    platforms = _platforms(flags)
    return BuildRequest(
        context=flags.arguments[0],
        file=flags.text("file"),
        tags=flags.all("tag"),
        options=_options(flags),
        contexts=_pairs(flags, "build-context"),
        secrets=tuple(parse_secret(text, os.environ) for text in flags.all("secret")),
        outputs=tuple(wanted),
        platforms=platforms if len(platforms) > 1 else (),
        cache_from=caches[0],
        cache_to=caches[1],
        annotations=_pairs(flags, "annotation"),
        pull=flags.on("pull"),
        host_trust=not flags.on("no-host-trust"),
        check_only=flags.on("check"),
        bootstrap=flags.on("bootstrap") or os.environ.get("IZBA_BOOTSTRAP") in {"1", "true"},
    )


def _options(flags: Flags) -> Options:
    from izba.build.options import Options
    from izba.cli.options.environment import labels
    from izba.cli.options.units import size
    from izba.engine.builds import default_platform

    build_args = _build_args(flags)
    shm_size = flags.text("shm-size")
    network = flags.text("network") or "default"
    if network not in {"default", "host", "none"}:
        raise UsageError(f'invalid network mode "{network}"', hint="it is default, host or none")
    return Options(
        target=flags.text("target"),
        build_args=build_args,
        labels=tuple(labels(flags.all("label"), ()).items()),
        no_cache=flags.on("no-cache"),
        no_cache_filter=tuple(name for text in flags.all("no-cache-filter") for name in text.split(",")),
        platform=_platforms(flags)[0],
        build_platform=default_platform(),
        network=network,
        add_hosts=tuple(_host(text) for text in flags.all("add-host")),
        shm_size=size(shm_size, "shm-size") if shm_size else None,
        ulimits=_ulimits(flags),
        epoch=_epoch(dict(build_args)),
    )


def _platforms(flags: Flags) -> tuple[str, ...]:
    """Each once, in the order given; without any, this machine's."""
    from izba.cli.options import environment
    from izba.engine.builds import default_platform
    from izba.oci.platform import Platform

    asked = flags.all("platform") or tuple(filter(None, (environment.platform(flags),)))
    texts = [text for each in asked for text in each.split(",")]
    found = dict.fromkeys(str(Platform.parse(text)) for text in texts)
    return tuple(found) or (default_platform(),)


def _caches(from_: tuple[str, ...], to: tuple[str, ...]) -> tuple[tuple[CachePlace, ...], tuple[CachePlace, ...]]:
    from izba.engine.buildcaches import parse_cache

    return (
        tuple(parse_cache(text, is_import=True) for text in from_),
        tuple(parse_cache(text, is_import=False) for text in to),
    )


def _build_args(flags: Flags) -> tuple[tuple[str, str], ...]:
    """NAME=VALUE; a bare NAME has this process's value, and counts for nothing if there is none."""
    args: dict[str, str] = {}
    for text in flags.all("build-arg"):
        name, equals, value = text.partition("=")
        if equals:
            args[name] = value
        elif name in os.environ:
            args[name] = os.environ[name]
    return tuple(args.items())


def _epoch(build_args: dict[str, str]) -> int | None:
    """SOURCE_DATE_EPOCH: the time that everything in the image has."""
    text = build_args.get("SOURCE_DATE_EPOCH", os.environ.get("SOURCE_DATE_EPOCH", ""))
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 12:
        raise UsageError(f"invalid SOURCE_DATE_EPOCH: {text}", hint="it is seconds since 1970: git log -1 --format=%ct")
    return int(text)


def _pairs(flags: Flags, name: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for text in flags.all(name):
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            raise UsageError(f"invalid value {text!r} for --{name}: it is KEY=VALUE")
        found.append((key, value))
    return tuple(found)


def _host(text: str) -> tuple[str, str]:
    name, separator, address = text.partition("=") if "=" in text else text.partition(":")
    address = address.strip("[]")
    if address == "host-gateway":
        address = "127.0.0.1"  # RUN has the host's network
    if not separator or not name or not address or any(each.isspace() for each in text):
        raise UsageError(f"bad format for add-host: {text!r}", hint="write it as NAME:ADDRESS")
    return name, address


def _ulimits(flags: Flags) -> tuple[Ulimit, ...]:
    if not flags.all("ulimit"):
        return ()
    from izba.cli.options.resources import ulimit
    from izba.runtime.specgen.request import Ulimit

    found = [ulimit(text) for text in flags.all("ulimit")]
    return tuple(Ulimit(name=each["Name"], soft=each["Soft"], hard=each["Hard"]) for each in found)


def _say_last_words(tail: bytes) -> None:
    """What a failed command said last stands right before the error, as other steps may have spoken since."""
    from izba.build.progress import printable

    lines = [printable(line) for line in tail.rstrip(b"\n").split(b"\n")][-10:]
    if lines != [""]:
        sys.stderr.write("------\n" + "".join(f" > {line}\n" for line in lines) + "------\n")
