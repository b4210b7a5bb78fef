"""What a host has to lend, so that pip, npm, apt, curl and git in a container reach what they reach on the host.

A site's machines often see the internet through a proxy, through one that answers TLS with a certificate of the site's
own authority, or see only the site's package indexes. Docker leaves it to each Dockerfile to know that. izba lends it
to RUN and to `run`: as environment variables that lose against the image's and the user's, and as one read-only
directory bound at `TARGET`, which is on the container's own /dev: nothing of it gets into a layer, a history, a cache
key or a container's stored configuration.

Not lent: what names a path of the host (a wheel directory would not be there), and index URLs with a password in them.
"""

from __future__ import annotations

import os
import stat

from izba import log
from izba._record import Record
from izba.errors import IzbaError
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Protocol

    class Reader(Protocol):
        """Reads files of the image's root (`runtime.specgen.rootview.RootView`)."""

        def read(self, path: str, *, limit: int) -> bytes | None: ...


TARGET = "/dev/izba"
BUNDLE = f"{TARGET}/ca-certificates.crt"
_APT = f"{TARGET}/apt.conf"
_WGET = f"{TARGET}/wgetrc"
_MAX_BUNDLE = 4 << 20

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora and its kin
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine
)

# Who reads which variable: OpenSSL, Go, Ruby and uv; curl; requests; pip; node; npm; git; cargo; yarn; AWS; gRPC; Deno.
_BUNDLE_VARIABLES = (
    "SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE PIP_CERT NODE_EXTRA_CA_CERTS npm_config_cafile GIT_SSL_CAINFO "
    "CARGO_HTTP_CAINFO YARN_HTTPS_CA_FILE_PATH AWS_CA_BUNDLE GRPC_DEFAULT_SSL_ROOTS_FILE_PATH DENO_CERT"
).split()

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")

# Variables whose words are URLs, and the settings of pip's and npm's files that mean the same.
_INDEXES = (
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_INDEX_URL UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_INDEX npm_config_registry "
    "YARN_NPM_REGISTRY_SERVER YARN_REGISTRY"
).split()
_PIP_SETTINGS = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "trusted-host": "PIP_TRUSTED_HOST",
}
_PLAIN = ("PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES")

_PIP_FILES = ("/etc/xdg/pip/pip.conf", "/etc/pip.conf")
_NPM_FILES = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")


class HostTrust(Record):
    """`env` goes before the image's variables (`SpecRequest.defaults_env`); `source`, if any, is bound at `TARGET`."""

    env: tuple[str, ...] = ()
    source: str | None = None


def lend(
    environ: Mapping[str, str],
    directory: str,
    image: Reader | None = None,
    *,
    host_network: bool = True,
    trust: bool = True,
    single_id: bool = False,
) -> HostTrust:
    """What this host lends to one container; the files are made below `directory` if they are not there yet.

    image         where the image's own certificate bundle is read, so that what it trusts stays trusted
    host_network  whether the host's loopback addresses mean the same in the container
    trust         False (`--no-host-trust`) lends nothing but what izba itself needs
    single_id     apt cannot change to its sandbox user, and is told not to
    """
    bundle = host_bundle(environ) if trust else None
    files = {"apt.conf": _apt_conf(bundle, single_id), "wgetrc": f"ca_certificate = {BUNDLE}\n" if bundle else ""}
    files = {name: text for name, text in files.items() if text}
    env: dict[str, str] = {}
    if trust:
        env |= proxies(environ, host_network=host_network) | indexes(environ, host_network=host_network)
    if bundle:
        env |= dict.fromkeys(_BUNDLE_VARIABLES, BUNDLE) | {"WGETRC": _WGET}
    if "apt.conf" in files:
        env["APT_CONFIG"] = _APT
    source = _directory(directory, bundle, _image_bundle(image) if bundle and image else b"", files) if files else None
    return HostTrust(env=tuple(f"{key}={value}" for key, value in env.items()), source=source)


def host_bundle(environ: Mapping[str, str]) -> str | None:
    """The file with the certificates this host trusts: what its user names, else what its distribution has."""
    named = (environ.get(name, "") for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"))
    for path in (*named, *BUNDLES):
        if path.startswith("/") and os.path.isfile(path) and os.access(path, os.R_OK):
            return os.path.realpath(path)
    return None


def proxies(environ: Mapping[str, str], *, host_network: bool) -> dict[str, str]:
    """The proxy variables in both spellings: curl reads only the small http_proxy, others only the large one."""
    configured = {} if any(environ.get(name) or environ.get(name.upper()) for name in _PROXIES) else _docker(environ)
    result: dict[str, str] = {}
    for name in _PROXIES:
        value = environ.get(name) or environ.get(name.upper()) or configured.get(name)
        if value and (host_network or name == "no_proxy" or not _is_loopback(value)):
            result |= {name: value, name.upper(): value}
    return result if any(name != "no_proxy" for name in map(str.lower, result)) else {}


def indexes(environ: Mapping[str, str], *, host_network: bool) -> dict[str, str]:
    """The package indexes this host is told to use, if they are URLs that a container can use too."""
    found = {**_pip_files(environ), **_npm_files(environ)}
    for name in (*_INDEXES, *_PLAIN):
        if value := environ.get(name) or (environ.get(name.upper()) if name.islower() else None):
            found[name] = value
    result = {}
    for name, value in found.items():
        if name in _PLAIN:
            result[name] = value
        elif urls := [word for word in value.split() if _is_usable(word, host_network=host_network)]:
            result[name] = " ".join(urls)
    return result


def _apt_conf(bundle: str | None, single_id: bool) -> str:
    lines = [f'Acquire::https::CAInfo "{BUNDLE}";\n'] if bundle else []
    return "".join(lines + ['APT::Sandbox::User "root";\n'] * single_id)


def _image_bundle(image: Reader) -> bytes:
    for path in BUNDLES:
        try:
            if data := image.read(path, limit=_MAX_BUNDLE):
                return data
        except IzbaError as error:  # a FIFO, or endless: the image's mistake, and its bundle is only an addition
            log.debug("the image's certificates are not used", reason=str(error))
    return b""


def _directory(parent: str, bundle: str | None, image_bundle: bytes, files: Mapping[str, str]) -> str:
    """A directory with these files, named for their content so that many containers share it and none changes it."""
    status = os.stat(bundle) if bundle else None
    facts = (bundle, status and (status.st_mtime_ns, status.st_size, status.st_ino), sorted(files.items()))
    final = f"{parent}/{Digest.of(repr(facts).encode() + image_bundle).hex[:32]}"
    if os.path.isdir(final):
        return final
    contents = {file: text.encode() for file, text in files.items()}
    if bundle:
        with open(bundle, "rb") as file:
            data = file.read(_MAX_BUNDLE)
        contents["ca-certificates.crt"] = data if data == image_bundle else data + b"\n" + image_bundle
    _make_directory(final, contents)
    return final


def _make_directory(final: str, contents: Mapping[str, bytes]) -> None:
    os.makedirs(os.path.dirname(final), mode=0o700, exist_ok=True)  # a proxy's address may hold a password
    temporary = f"{final}.{os.urandom(8).hex()}.tmp"  # two threads of a command may be here at once
    os.mkdir(temporary, 0o755)
    os.chmod(temporary, 0o755)  # whatever the umask: other users of the container read it
    for name, data in contents.items():
        with open(f"{temporary}/{name}", "xb", buffering=0) as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o644)
    try:
        os.rename(temporary, final)
    except OSError:
        for name in contents:
            os.unlink(f"{temporary}/{name}")
        os.rmdir(temporary)
        if not os.path.isdir(final):
            raise


def _docker(environ: Mapping[str, str]) -> dict[str, str]:
    """`proxies.default` of Docker's client configuration, where Docker's users have put theirs."""
    from izba import jsonio

    directory = environ.get("DOCKER_CONFIG") or f"{environ.get('HOME', '')}/.docker"
    try:
        configured = jsonio.read(f"{directory}/config.json")["proxies"]["default"]
        names = {name: name.removesuffix("_proxy") + "Proxy" for name in _PROXIES}
        return {name: str(configured[key]) for name, key in names.items() if configured.get(key)}
    except (OSError, jsonio.BadJSON, LookupError, TypeError, AttributeError):
        return {}


def _pip_files(environ: Mapping[str, str]) -> dict[str, str]:
    home, xdg = environ.get("HOME", ""), environ.get("XDG_CONFIG_HOME")
    own = (f"{home}/.pip/pip.conf", f"{xdg or home + '/.config'}/pip/pip.conf", environ.get("PIP_CONFIG_FILE", ""))
    result = {}
    for path in (*_PIP_FILES, *own):
        for section, key, value in _settings(path):
            if section in {"global", "install"} and key in _PIP_SETTINGS:
                result[_PIP_SETTINGS[key]] = value
    return result


def _npm_files(environ: Mapping[str, str]) -> dict[str, str]:
    own = (
        environ.get("NPM_CONFIG_USERCONFIG") or environ.get("npm_config_userconfig") or f"{environ.get('HOME')}/.npmrc"
    )
    found = [value for path in (*_NPM_FILES, own) for _, key, value in _settings(path) if key == "registry"]
    return {"npm_config_registry": found[-1]} if found else {}


def _settings(path: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of an INI file; indented lines continue a value. Whatever cannot be read is nothing."""
    section, key, value = "", "", ""
    for line in _lines(path):
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        if line[0].isspace() and key:
            value = f"{value} {text}"
            continue
        if key:
            yield section, key, value.strip()
        key, value = "", ""
        if text.startswith("["):
            section = text.strip("[]").strip()
        else:
            key, _, value = (part.strip() for part in text.partition(":" if "=" not in text else "="))
    if key:
        yield section, key, value.strip()


def _lines(path: str) -> Iterable[str]:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return ()
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 16).splitlines()
    except OSError:
        return ()


def _is_usable(url: str, *, host_network: bool) -> bool:
    scheme, separator, rest = url.partition("://")
    return (
        bool(separator)
        and scheme.lower() in {"http", "https"}
        and "@" not in rest.partition("/")[0]
        and "${" not in url  # npm and pip fill these in from the environment
        and (host_network or not _is_loopback(url))
    )


def _is_loopback(url: str) -> bool:
    authority = url.rpartition("://")[2].partition("/")[0].rpartition("@")[2]
    host = authority.partition("]")[0].lstrip("[") if authority.startswith("[") else authority.partition(":")[0]
    return host == "localhost" or host.endswith(".localhost") or host.startswith("127.") or host == "::1"
