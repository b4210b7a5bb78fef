"""Nodes and data → text."""

from __future__ import annotations

from izba.cli.output.gotemplate import parser
from izba.cli.output.gotemplate.functions import FUNCTIONS, CallError
from izba.cli.output.gotemplate.lexer import TemplateError, go_quote, line
from izba.cli.output.gotemplate.values import NIL_LIST, NIL_MAP, NO_VALUE, go_string, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_NOTHING = object()

MAPS = frozenset(
    (
        *("Annotations", "Containers", "Data", "DriverOpts", "DriverStatus", "ExposedPorts", "GenericResources"),
        *("Labels", "LogOpts", "Networks", "Options", "Opts", "PortBindings", "Ports", "Status", "StorageOpt"),
        *("Sysctls", "Tmpfs", "Volumes"),
    )
)
"""Fields of documents that are maps, whose keys may be missing; in all others an unknown name is a mistake."""

LISTS = frozenset(
    (
        *("Args", "Binds", "BlkioWeightDevice", "CapAdd", "CapDrop", "Cmd", "DeviceCgroupRules", "DeviceRequests"),
        *("Devices", "Dns", "DnsOptions", "DnsSearch", "Entrypoint", "Env", "ExecIDs", "ExtraHosts", "GroupAdd"),
        *("Layers", "Links", "Log", "MaskedPaths", "Mounts", "OnBuild", "ReadonlyPaths", "RepoDigests", "RepoTags"),
        *("SecurityOpt", "Shell", "Test", "Ulimits", "VolumesFrom"),
    )
)
"""Fields of documents that are lists."""

UNSET: dict[str, object] = (
    dict.fromkeys(("Domainname", "Hostname", "MacAddress", "StopSignal", "User", "WorkingDir"), "")
    | dict.fromkeys(("ArgsEscaped", "AttachStderr", "AttachStdin", "AttachStdout", "HairpinMode"), False)
    | dict.fromkeys(("NetworkDisabled", "OpenStdin", "StdinOnce", "Tty"), False)
    | dict.fromkeys(("Author", "Comment", "DockerVersion", "LinkLocalIPv6Address", "OsVersion", "Variant"), "")
    | dict.fromkeys(("KernelMemory", "KernelMemoryTCP", "LinkLocalIPv6PrefixLen"), 0)
    | dict.fromkeys(("Health", "Healthcheck", "Init", "SizeRootFs", "SizeRw", "StopTimeout", "UsageData"))
    | dict.fromkeys(("SecondaryIPAddresses", "SecondaryIPv6Addresses"))
    | dict.fromkeys(("ExposedPorts", "Labels", "Options", "Status", "StorageOpt", "Sysctls", "Tmpfs", "Volumes"))
    | dict.fromkeys(("BindOptions", "TmpfsOptions", "VolumeOptions"))
    | dict.fromkeys(LISTS)
)
"""Fields that a document leaves out where nothing is set, and what they are to Go then."""

UNSET_IN_MOUNTS: dict[str, object] = {"Driver": "", "Name": "", "ReadOnly": False}
"""Those of a mount point, whose names mean something in other documents."""


class _Jumped(Exception):
    """`{{break}}` or `{{continue}}` was reached."""

    def __init__(self, keyword: str) -> None:
        super().__init__(keyword)
        self.keyword = keyword


class Template:
    """A parsed template. Raises `TemplateError`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.nodes = parser.parse(text, FUNCTIONS)

    def execute(
        self, data: object, *, functions: Mapping[str, Callable[..., object]] = FUNCTIONS, strict: bool = False
    ) -> str:
        """The text for `data`. `strict`: as of inspect, an unknown name in a document is an error.

        Raises `TemplateError`.
        """
        run = _Run(self.text, data, functions, strict=strict)
        run.nodes(self.nodes, data)
        return "".join(run.output)


class _Run:
    def __init__(
        self, text: str, data: object, functions: Mapping[str, Callable[..., object]], *, strict: bool
    ) -> None:
        self.text = text
        self.functions = functions
        self.strict = strict
        self.maps = frozenset(_maps(data, "")) if strict else frozenset()
        self.output: list[str] = []
        self.variables: list[tuple[str, object]] = [("$", data)]

    def nodes(self, nodes: Iterable[parser.Node], dot: object) -> None:
        for node in nodes:
            match node:
                case parser.Text():
                    self.output.append(node.text)
                case parser.Action():
                    value = self.pipeline(node.pipeline, dot)
                    if not node.pipeline.variables:
                        self.output.append(self.text_of(value))
                case parser.Branch(keyword="range"):
                    self.range(node, dot)
                case parser.Branch():
                    self.branch(node, dot)
                case parser.Jump():
                    raise _Jumped(node.keyword)

    def text_of(self, value: object) -> str:
        """What a pipeline shows."""
        return "<nil>" if value is None and self.strict else go_string(value)

    def branch(self, node: parser.Branch, dot: object) -> None:
        scope = len(self.variables)
        value = self.pipeline(node.pipeline, dot)
        if value:
            self.nodes(node.body, value if node.keyword == "with" else dot)
        else:
            self.nodes(node.otherwise, dot)
        del self.variables[scope:]

    def range(self, node: parser.Branch, dot: object) -> None:
        scope = len(self.variables)
        # The pipeline's variables are the elements', not the whole's.
        value = self.commands(node.pipeline, dot)
        items = self.items(value, node)
        for key, item in items:
            for name, each in zip(node.pipeline.variables[::-1], (item, key), strict=False):
                self.set(name, each, assigns=node.pipeline.assigns)
            try:
                self.nodes(node.body, item)
            except _Jumped as jumped:
                if jumped.keyword == "break":
                    break
            finally:
                del self.variables[scope:]
        if not items:
            self.nodes(node.otherwise, dot)

    def items(self, value: object, node: parser.Branch) -> Sequence[tuple[object, object]]:
        match value:
            case dict():
                return sorted(value.items())
            case list() | tuple():
                return list(enumerate(value))
            case bool() | str() | float():
                raise self.error(f"range can't iterate over {go_string(value)}", node.pipeline)
            case int():
                return [(number, number) for number in range(value)]
            case _ if not value:
                return []
            case _:
                raise self.error(f"range can't iterate over {go_string(value)}", node.pipeline)

    def pipeline(self, node: parser.Pipeline, dot: object) -> object:
        value = self.commands(node, dot)
        for name in node.variables:
            self.set(name, value, assigns=node.assigns)
        return value

    def commands(self, node: parser.Pipeline, dot: object) -> object:
        value: object = _NOTHING
        for command in node.commands:
            value = self.command(command, dot, value)
        return value

    def set(self, name: str, value: object, *, assigns: bool) -> None:
        if not assigns:
            self.variables.append((name, value))
            return
        at = max(at for at, (each, _) in enumerate(self.variables) if each == name)
        self.variables[at] = (name, value)

    def command(self, command: parser.Command, dot: object, final: object) -> object:
        first, *rest = command.arguments
        if isinstance(first, parser.Function):
            return self.call(first, command, rest, dot, final)
        if isinstance(first, parser.Fields):
            return self.fields(first, dot, rest, final)
        if rest or final is not _NOTHING:
            raise self.error(f"can't give argument to non-function {self.shown(first)}", first)
        return self.evaluate(first, dot)

    def evaluate(self, node: parser.Node, dot: object) -> object:
        match node:
            case parser.Dot():
                return dot
            case parser.Literal():
                return node.value
            case parser.Variable():
                return next(value for name, value in reversed(self.variables) if name == node.name)
            case parser.Fields():
                return self.fields(node, dot, (), _NOTHING)
            case parser.Function():
                return self.call(node, node, (), dot, _NOTHING)
            case parser.Pipeline():
                return self.pipeline(node, dot)
            case _:
                raise self.error("can't evaluate command", node)

    def call(
        self, node: parser.Function, whole: parser.Node, rest: Sequence[parser.Node], dot: object, final: object
    ) -> object:
        function = self.functions[node.name]
        if node.name in {"and", "or"}:
            return self.shortcut(node, rest, dot, final)
        arguments = [self.evaluate(each, dot) for each in rest]
        if final is not _NOTHING:
            arguments.append(final)
        try:
            return function(*arguments)
        except CallError as error:
            raise self.error(f"error calling {node.name}: {error}", whole) from None
        except TypeError:
            count = len(arguments)
            raise self.error(f"wrong number of args for {node.name}: got {count}", node) from None

    def shortcut(self, node: parser.Function, rest: Sequence[parser.Node], dot: object, final: object) -> object:
        """`and` and `or` do not look at what cannot matter any more."""
        value = final
        for each in rest:
            value = self.evaluate(each, dot)
            if bool(value) is (node.name == "or"):
                return value
        if value is _NOTHING:
            raise self.error(f"wrong number of args for {node.name}: want at least 1 got 0", node)
        return value if final is _NOTHING else final

    def fields(self, node: parser.Fields, dot: object, rest: Sequence[parser.Node], final: object) -> object:
        value = dot if node.of is None else self.evaluate(node.of, dot)
        arguments = tuple(self.evaluate(each, dot) for each in rest)
        if final is not _NOTHING:
            arguments += (final,)
        for name in node.names[:-1]:
            value = self.field(value, name, (), node, dot)
        return self.field(value, node.names[-1], arguments, node, dot)

    def field(
        self,
        value: object,
        name: str,
        arguments: tuple[object, ...],
        node: parser.Fields,
        dot: object,
    ) -> object:
        go_field = getattr(value, "go_field", None)
        if go_field is not None:
            return self.method(value, go_field, name, arguments, node)
        if value is None:
            raise self.error(f"nil pointer evaluating interface {{}}.{name}", node)
        if value is NO_VALUE:
            raise self.error(f"nil data; no entry for key {go_quote(name)}", node)
        if not isinstance(value, dict):
            kind = type_name(value) if value is dot else "interface {}"
            raise self.error(f"can't evaluate field {name} in type {kind}", node)
        if arguments:
            raise self.error(f"{name} is not a method but has arguments", node)
        if name in value:
            found: object = value[name]
        elif not self.strict or value is NIL_MAP or id(value) in self.maps:
            return NO_VALUE
        elif name in UNSET:
            found = UNSET[name]
        elif name in UNSET_IN_MOUNTS and value.keys() & {"Destination", "Target"}:
            found = UNSET_IN_MOUNTS[name]
        else:
            raise self.error(f"map has no entry for key {go_quote(name)}", node)
        return _typed_nil(name) if found is None and self.strict else found

    def method(
        self,
        value: object,
        go_field: Callable[[str, tuple[object, ...]], object],
        name: str,
        arguments: tuple[object, ...],
        node: parser.Fields,
    ) -> object:
        try:
            return go_field(name, arguments)
        except KeyError:
            raise self.error(f"can't evaluate field {name} in type {type_name(value)}", node) from None
        except TypeError:
            count = len(arguments)
            message = f"wrong number of args for {name}: want {0 if count else 1} got {count}"
            raise self.error(message, node) from None

    def shown(self, node: parser.Node) -> str:
        """The node's source, as Go writes it in errors."""
        match node:
            case parser.Fields():
                of = self.shown(node.of) if node.of is not None else ""
                return of + "".join(f".{name}" for name in node.names)
            case parser.Literal():
                return node.shown
            case parser.Variable() | parser.Function():
                return node.name
            case parser.Command():
                return " ".join(self.shown(each) for each in node.arguments)
            case parser.Pipeline():
                return " | ".join(self.shown(each) for each in node.commands)
            case _:
                return "."

    def error(self, message: str, node: parser.Node) -> TemplateError:
        at = node.at
        if isinstance(node, parser.Fields) and len(node.names) > 1:
            # Go points at the last of several fields.
            at += sum(len(name) + 1 for name in node.names[:-1])
        column = at - (self.text.rfind("\n", 0, at) + 1)
        context = self.shown(node)
        context = context if len(context) <= 20 else f"{context[:20]}..."
        return TemplateError(f':{line(self.text, at)}:{column}: executing "" at <{context}>: {message}')


def _typed_nil(name: str) -> object:
    """What a document's null is to Go."""
    return NIL_LIST if name in LISTS else NIL_MAP if name in MAPS else None


def _maps(value: object, name: str) -> Iterator[int]:
    """The identities of those dicts in a document that are maps to Go; in the others keys are names of fields."""
    if isinstance(value, dict):
        if name in MAPS:
            yield id(value)
        for key, each in value.items():
            # The options of a log driver are called as the configuration of a container is.
            yield from _maps(each, "Options" if (name, key) == ("LogConfig", "Config") else key)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _maps(each, "")
