"""`izba compose config`: the project as one canonical file, or a part of it."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.options.flags import Flags
    from izba.compose.load.phases import Loaded, LoadRequest

COMMAND = Command(
    name="compose config",
    usage="[OPTIONS] [SERVICE...]",
    summary="Parse, resolve and render the project's files in canonical format",
    aliases=("compose convert",),
    flags=(
        Flag(name="environment", help="Print the variables that the files can use"),
        Flag(name="format", kind="string", help='Format of the output: "yaml" or "json"'),
        Flag(name="hash", kind="string", shown="SERVICES", help='Print the services\' config hash ("*" for all)'),
        Flag(name="images", help="Print the image names, one per line"),
        Flag(name="lock-image-digests", help="Print an override file with the images' digests"),
        Flag(name="networks", help="Print the network names, one per line"),
        Flag(name="no-consistency", help="Don't check the model's consistency"),
        Flag(name="no-env-resolution", help="Don't resolve env_file"),
        Flag(name="no-interpolate", help="Don't replace variables"),
        Flag(name="no-normalize", help="Don't complete what is implied"),
        Flag(name="no-path-resolution", help="Don't make paths absolute"),
        Flag(name="output", short="o", kind="string", help="Save to file (default to stdout)"),
        Flag(name="profiles", help="Print the profile names, one per line"),
        Flag(name="quiet", short="q", help="Only validate the files, print nothing"),
        Flag(name="resolve-image-digests", help="Pin image tags to digests"),
        Flag(name="services", help="Print the service names, one per line"),
        Flag(name="variables", help="Print the files' variables and their defaults"),
        Flag(name="volumes", help="Print the volume names, one per line"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Print it."""
    flags = COMMAND.parse(argv)
    if (form := flags.text("format")) not in {None, "yaml", "json"}:
        raise UsageError(f"unsupported format {form!r}", hint="yaml and json are")
    text = _text(compose, flags)
    if flags.on("quiet"):
        return 0
    if path := flags.text("output"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        sys.stdout.write(text)
    return 0


def _text(compose: ComposeContext, flags: Flags) -> str:
    if flags.on("variables"):
        return _variables(compose.request(), flags.text("format"))
    request = _request(compose, flags)
    if flags.on("environment"):
        loaded = compose.load(request)
        return "".join(f"{name}={value}\n" for name, value in sorted(loaded.environment.items()))
    loaded = compose.load(request)
    _check_names(flags.arguments, loaded)
    tree = _shown(loaded, request, flags)
    if flags.on("services"):
        return _lines(_in_order(tree["services"]))
    if flags.on("networks"):
        return _lines(sorted(tree.get("networks") or ()))
    if flags.on("volumes"):
        return _lines(sorted(tree.get("volumes") or ()))
    if flags.on("profiles"):
        services = loaded.tree["services"].values()
        return _lines(sorted({profile for service in services for profile in service.get("profiles") or ()}))
    if flags.on("images"):
        return _lines(service.get("image") or f"{loaded.name}-{name}" for name, service in tree["services"].items())
    if wanted := flags.text("hash"):
        return _hashes(compose, wanted)
    if flags.on("resolve-image-digests") or flags.on("lock-image-digests"):
        tree = _with_digests(compose, tree, only=flags.on("lock-image-digests"))
    if flags.text("format") == "json":
        import json

        return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
    from izba.compose.config import to_yaml

    return to_yaml(tree)


def _request(compose: ComposeContext, flags: Flags) -> LoadRequest:
    return compose.request().replace(
        named=flags.arguments,
        interpolate=not flags.on("no-interpolate"),
        check=not flags.on("no-consistency") and not flags.on("no-interpolate"),
        resolve_environment=not flags.on("no-env-resolution") and not flags.on("no-interpolate"),
        resolve_paths=not flags.on("no-path-resolution"),
        normalize=not flags.on("no-normalize"),
    )


def _check_names(names: Iterable[str], loaded: Loaded) -> None:
    from izba.compose.errors import NoSuchService

    for name in names:
        if name not in loaded.enabled:
            raise NoSuchService(name, sorted(loaded.enabled))


def _shown(loaded: Loaded, request: LoadRequest, flags: Flags) -> dict[str, Any]:
    from izba.compose.config import shown
    from izba.compose.order import with_dependencies

    selected: list[str] | None = None
    if flags.arguments:
        depends = {name: model.get("depends_on") or {} for name, model in loaded.tree["services"].items()}
        selected = with_dependencies(flags.arguments, depends)
    return shown(loaded, selected) if request.interpolate else loaded.tree


def _in_order(services: dict[str, Any]) -> list[str]:
    """As Compose prints them: who is needed comes before those who need it."""
    from izba.compose.order import with_dependencies

    return with_dependencies(
        sorted(services), {name: model.get("depends_on") or {} for name, model in services.items()}
    )


def _variables(request: LoadRequest, form: str | None) -> str:
    """Every variable of the files, before anything is replaced."""
    from izba.cli.output.columns import align
    from izba.compose.files import read_text
    from izba.compose.load.yaml import documents
    from izba.compose.variables import found_in

    parsed = [
        each for file, text in request.files for each in documents(read_text(file) if text is None else text, file)
    ]
    found = found_in([document.tree for document in parsed])
    if form == "json":
        import json

        return json.dumps({each.name: each.to_document() for each in found}, indent=2) + "\n"
    rows = [["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"]]
    rows += [[each.name, str(each.required).lower(), each.default, each.alternate] for each in found]
    return align(rows)


def _hashes(compose: ComposeContext, wanted: str) -> str:
    from izba.compose.confighash import config_hash

    project = compose.project()
    names = [service.name for service in project.services] if wanted == "*" else wanted.split(",")
    return _lines(f"{name} {config_hash(project.service(name))}" for name in names)


def _with_digests(compose: ComposeContext, tree: dict[str, Any], *, only: bool) -> dict[str, Any]:
    """Images as digests: those of the store where they were pulled, else those of their registries."""
    from izba.compose.digests import pinned

    engine = compose.context.engine()
    images = {
        name: pinned(engine, service["image"]) for name, service in tree["services"].items() if "image" in service
    }
    if only:
        return {"services": {name: {"image": image} for name, image in images.items()}}
    services = {
        name: service | ({"image": images[name]} if name in images else {})
        for name, service in tree["services"].items()
    }
    return tree | {"services": services}


def _lines(items: Iterable[str]) -> str:
    return "".join(f"{item}\n" for item in items)
