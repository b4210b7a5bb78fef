"""`izba registry serve`: be a registry."""

from __future__ import annotations

import os
import sys

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from izba.cli.context import Context
    from izba.cli.options.flags import Flags
    from izba.engine.engine import Engine
    from izba.registry.server.app import Application
    from izba.registry.server.passthrough import Upstream

COMMAND = Command(
    name="registry serve",
    usage="[OPTIONS]",
    summary="Serve a registry over this izba's content store",
    flags=(
        Flag(name="htpasswd", kind="string", shown="FILE", help="Users and bcrypt hashes; without it anybody may come"),
        Flag(name="listen", kind="string", shown="ADDRESS:PORT", help="Where to listen (default 127.0.0.1:5000)"),
        Flag(name="pull-through", kind="string", shown="URL", help="Fetch what is missing from this registry, keep it"),
        Flag(name="quota", kind="string", shown="SIZE", help="Keep at most this many bytes (suffixes: m, g)"),
        Flag(name="read-only", help="Refuse every change"),
        Flag(name="tls-cert", kind="string", shown="FILE", help="Certificate chain to serve HTTPS with"),
        Flag(name="tls-key", kind="string", shown="FILE", help="Its key"),
    ),
    maximum=0,
)


def run(context: Context, argv: list[str]) -> int:
    """Serve until interrupted or terminated."""
    flags = COMMAND.parse(argv)
    import signal
    import threading

    from izba.registry.server.app import Application, Policy
    from izba.registry.server.http import HttpServer
    from izba.registry.server.passwords import Passwords

    host, port = _address(flags.text("listen") or "127.0.0.1:5000")
    htpasswd = flags.text("htpasswd")
    with context.engine() as engine:
        application = Application(
            engine.store,
            policy=Policy(read_only=flags.on("read-only"), quota=_bytes(flags.text("quota"))),
            passwords=Passwords(htpasswd) if htpasswd else None,
            upstream=_upstream(engine, flags.text("pull-through")),
        )
        try:
            server = HttpServer(application, host, port, tls=_tls(flags))
        except OSError as error:
            raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}", hint="choose with --listen") from None
        scheme = "https" if flags.text("tls-cert") else "http"
        print(f"A registry is served on {scheme}://{server.address[0]}:{server.address[1]}", flush=True)
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        threading.Thread(target=server.serve, daemon=True).start()
        threading.Thread(target=_housekeeping, args=(application,), daemon=True).start()
        stop.wait()
        server.close()
        application.close()
    return 0


def _housekeeping(application: Application) -> None:
    """Once an hour: drop what no manifest needs, and collect, what a killed process left among it."""
    import time

    while True:
        application.collect()
        time.sleep(3600)


def _upstream(engine: Engine, url: str | None) -> Upstream | None:
    if url is None:
        return None
    from izba.registry.server.passthrough import Upstream

    scheme, _, rest = url.rpartition("://")
    host = rest.rstrip("/")
    if scheme not in {"", "http", "https"} or "/" in host or not host:
        raise UsageError(f"--pull-through {url!r} is not the address of a registry", hint="write HOST or https://HOST")
    config = engine.registries.configuration(host)
    if scheme == "http":
        config = config.replace(insecure=True)
    return Upstream(config, os.environ, engine.registries.known(host))


def _tls(flags: Flags) -> ssl.SSLContext | None:
    certificate, key = flags.text("tls-cert"), flags.text("tls-key")
    if certificate is None:
        if key is not None:
            raise UsageError("--tls-key goes with --tls-cert")
        return None
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--tls-cert {certificate}: {error}") from None
    return context


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--listen {text!r} is not ADDRESS:PORT")
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - said aloud, not chosen
        print("warning: this registry can be reached from other machines", file=sys.stderr)
    return host or "0.0.0.0", int(port)  # noqa: S104 - what an empty host means everywhere


def _bytes(text: str | None) -> int:
    if text is None:
        return 0
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
    number = text.lower().removesuffix("b")
    factor = units.get(number[-1:], 1)
    digits = number[:-1] if factor > 1 else number
    if not digits.isdigit():
        raise UsageError(f"--quota {text!r} is not a size", hint="write 500m or 20g")
    return int(digits) * factor
