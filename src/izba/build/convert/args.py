"""ARG: variables of the build. Those before the first FROM are for FROM lines; a stage declares again what it wants.

Predefined are the platform's (TARGETARCH and so on), which a stage gets by declaring them, and the proxies', which RUN
gets without a declaration and which count neither in history nor in a cache key.
"""

from __future__ import annotations

from izba.build.dockerfile.words import expand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.build.convert.stages import Conversion, State
    from izba.build.dockerfile.instructions import Arg, Stage
    from izba.build.options import Options

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
PREDEFINED = frozenset({*_PROXIES, *(name.upper() for name in _PROXIES), "SOURCE_DATE_EPOCH"})
"""Build args that need no ARG."""


def proxy_variables(build_args: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The proxies among the build args, in both spellings: programs do not agree on one."""
    found: dict[str, str] = {}
    for name in _PROXIES:
        for spelling in (name.upper(), name):
            if spelling in build_args:
                found[name.upper()] = found[name] = build_args[spelling]
    return tuple(sorted(found.items()))


def global_scope(conversion: Conversion, target: Stage) -> dict[str, str]:
    """The variables that FROM lines see, and that a stage inherits by `ARG name`."""
    scope = platforms(conversion.options)
    scope["TARGETSTAGE"] = target.base.alias or "default"
    scope.update({name: value for name, value in conversion.build_args.items() if name in scope})
    for instruction in conversion.dockerfile.global_args:
        for each in instruction.declarations:
            name = str(each.name)
            if name in conversion.build_args:
                conversion.used_args.add(name)
                scope[name] = conversion.build_args[name]
            elif each.default is not None:
                scope[name] = expand(each.default, scope, escape=conversion.dockerfile.escape)
    conversion.used_args |= set(scope) & set(conversion.build_args)
    return scope


def apply(conversion: Conversion, state: State, instruction: Arg) -> None:
    """ARG in a stage."""
    written: list[str] = []
    for each in instruction.declarations:
        name = str(each.name)
        value: str | None = None
        if name in conversion.build_args:
            conversion.used_args.add(name)
            value = conversion.build_args[name]
        elif each.default is not None:
            value = expand(each.default, state.environment, escape=conversion.dockerfile.escape)
        else:
            value = conversion.globals.get(name)
        if value is not None:
            state.environment[name] = value
        state.args.append((name, value))
        written.append(name if value is None else f"{name}={value}")
    state.record("ARG " + " ".join(written))


def platforms(options: Options) -> dict[str, str]:
    """The predefined variables of both platforms."""
    scope: dict[str, str] = {}
    for prefix, platform in (("BUILD", options.build_platform), ("TARGET", options.platform)):
        system, architecture, variant = (*platform.split("/"), "", "")[:3]
        scope[f"{prefix}PLATFORM"] = platform
        scope[f"{prefix}OS"] = system
        scope[f"{prefix}ARCH"] = architecture
        scope[f"{prefix}VARIANT"] = variant
    return scope
