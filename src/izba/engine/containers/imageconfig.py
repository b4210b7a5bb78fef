"""A container's config over its image's: what the container was not asked for, the image says (Docker's merge)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.documents import ContainerConfig
    from izba.oci.documents import ContainerDefaults, Healthcheck


def merged(config: ContainerConfig, image: ContainerDefaults) -> ContainerConfig:
    """A new config. A bare NAME in Env takes the image's variable away."""
    result = config.copy()
    result["Env"] = merged_env(image.get("Env") or [], config.get("Env") or [])
    result["Labels"] = (image.get("Labels") or {}) | (config.get("Labels") or {})
    # Of a Dockerfile's `VOLUME data` the path stays as it is written, and means the root of the container.
    of_image = {
        path if path.startswith("/") else f"/{path}": value for path, value in (image.get("Volumes") or {}).items()
    }
    result["Volumes"] = of_image | (config.get("Volumes") or {})
    if ports := (image.get("ExposedPorts") or {}) | (config.get("ExposedPorts") or {}):
        result["ExposedPorts"] = ports
    # An entrypoint of the user's own makes the image's command meaningless, so that is left out.
    if config.get("Entrypoint") is None:
        if not config.get("Cmd"):
            result["Cmd"] = image.get("Cmd") or None
        result["Entrypoint"] = image.get("Entrypoint") or None
    elif config["Entrypoint"] in ([], [""]):
        result["Entrypoint"] = None
    result["User"] = config.get("User") or image.get("User") or ""
    result["WorkingDir"] = config.get("WorkingDir") or image.get("WorkingDir") or ""
    if signal := config.get("StopSignal") or image.get("StopSignal"):
        result["StopSignal"] = signal
    if check := _healthcheck(config.get("Healthcheck"), image.get("Healthcheck")):
        result["Healthcheck"] = check
    return result


def merged_env(image: list[str], own: list[str]) -> list[str]:
    """The user's own variables, then those that the image has besides."""
    values = dict(_split(entry) for entry in own)
    for entry in image:
        name, value = _split(entry)
        values.setdefault(name, value)
    return [f"{name}={value}" for name, value in values.items() if value is not None]


def _split(entry: str) -> tuple[str, str | None]:
    name, equals, value = entry.partition("=")
    return name, value if equals else None


def _healthcheck(own: Healthcheck | None, image: Healthcheck | None) -> Healthcheck | None:
    """Flags may change only the times of the image's check."""
    if not own or not image:
        return own or image
    result = image.copy()
    for key, value in own.items():
        if value:
            result[key] = value  # type: ignore[literal-required]
    return result
