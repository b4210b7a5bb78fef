"""python: Debian's interpreter, laid out under /usr/local as Docker Hub's image has it.

Dockerfiles know where things are in that image: `/usr/local/bin/python`, `/usr/local/lib/python3.11/site-packages`,
console scripts in `/usr/local/bin`, `pip install --prefix`. Debian's own layout (dist-packages, and a pip that may not
touch it) breaks them. So `/usr/local` is made a virtual environment of Debian's interpreter: `sys.prefix` is
`/usr/local`, pip is an ordinary package there that can replace itself, and `--user` works because system packages are
visible.
"""

from __future__ import annotations

from izba._record import Record
from izba.bootstrap.assemble import Portrait, assemble, sources
from izba.bootstrap.debian import archive as archives
from izba.bootstrap.debian import deb as debs
from izba.bootstrap.debian import scripts
from izba.bootstrap.debian.resolve import resolve
from izba.bootstrap.debian.unpack import Trim
from izba.bootstrap.errors import PackageNotFound
from izba.bootstrap.layers import Plan, make_layer
from izba.bootstrap.recipes.debian import SLIM, make_base
from izba.bootstrap.rootfs import File
from izba.layer.tarheader import FILE, SYMLINK, pack, padding
from izba.layer.tarstream import TarReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from izba.bootstrap.workshop import Workshop
    from izba.image.stored import StoredImage
    from izba.oci.reference import Reference

PATH = "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
_PACKAGES = ("python3", "python3-wheel-whl", "ca-certificates", "netbase", "tzdata")
_MANAGED = "/usr/lib/python3*/EXTERNALLY-MANAGED"

_SCRIPT = """\
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INDEX=1 PIP_ROOT_USER_ACTION=ignore
python{version} -m venv --system-site-packages --without-pip /usr/local
rm -f /usr/local/bin/[Aa]ctivate* /usr/local/lib64
rmdir /usr/local/include/python{version} 2> /dev/null || true
pip=$(echo /usr/share/python-wheels/pip-*.whl)
PYTHONPATH=$pip /usr/local/bin/python3 -m pip --quiet install --find-links /usr/share/python-wheels pip setuptools wheel
ln -s /usr/bin/pydoc3 /usr/local/bin/pydoc3
ln -s pydoc3 /usr/local/bin/pydoc
"""


class PythonRecipe(Record):
    """A version of Python as a Debian release has it."""

    name: str
    version: str
    codename: str
    slim: bool

    def make(self, workshop: Workshop, reference: Reference) -> StoredImage:
        """The release's own layer, and Python's on top."""
        archive = workshop.archive(self.codename)
        python = archive.index.newest(f"python{self.version}")
        headers = archive.index.newest(f"libpython{self.version}-dev")
        if python is None or headers is None:
            raise PackageNotFound(f"python{self.version}", wanted_by=None, archives=archive.index.description())
        version = str(python.version).partition("-")[0]
        with workshop.store.lease("bootstrap") as lease:
            base = make_base(workshop, archive, slim=self.slim, lease=lease)
            wanted = (
                "python3",
                f"python{self.version}-venv",
                "python3-wheel-whl",
                "ca-certificates",
                "netbase",
                "tzdata",
            )
            packages = resolve(archive.index, wanted, base=base.packages)
            *paths, headers_path = archives.fetch([*packages, headers], workshop.downloader)
            trim = SLIM if self.slim else Trim()
            plan = Plan(
                parent=base.layer,
                packages=tuple(zip(packages, paths, strict=True)),
                trim=trim.replace(excluded=(*trim.excluded, _MANAGED)),
                after=(
                    File(
                        name="etc/dpkg/dpkg.cfg.d/python",
                        data=f"# pip installs what it likes in this container.\npath-exclude={_MANAGED}\n".encode(),
                    ),
                ),
                others=_headers(headers_path),
                identity=(headers.identity, headers.promise.hex),
                script=scripts.configure(packages, first=False, then=_SCRIPT.format(version=self.version)),
            )
            layer = make_layer(workshop, plan, lease, what=f"python {version}")
            portrait = Portrait(
                recipe=self.name,
                version=version,
                suite=archive.release.codename,
                steps=(base.step, f"python {version}: {len(packages)} packages, pip"),
                sources=sources([*base.packages, *packages, headers]),
                defaults=(("Env", [PATH, "LANG=C.UTF-8", f"PYTHON_VERSION={version}"]), ("Cmd", ["python3"])),
            )
            return assemble(workshop, reference, layer, portrait)


def _headers(path: str) -> Callable[[], Iterator[bytes]]:
    """The headers alone of Python's development package, so that `pip` can build extensions once there is a compiler.

    The package itself would bring the C library's and others' headers, which come with a compiler anyway.
    """

    def blocks() -> Iterator[bytes]:
        chunks = debs.read(path).data_chunks()
        reader = TarReader(lambda: next(chunks, b""))
        for entry in reader:
            entry.name = entry.name.removeprefix(b"./")
            if entry.type in {FILE, SYMLINK} and entry.name.startswith(b"usr/include/"):
                yield pack(entry) + b"".join(reader.body()) + bytes(padding(entry.stored))

    return blocks
