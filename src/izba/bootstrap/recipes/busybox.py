"""busybox: one static program and its names, as in Docker Hub's image of the same name."""

from __future__ import annotations

from izba._record import Record
from izba.bootstrap.assemble import Portrait, assemble, sources
from izba.bootstrap.debian import archive as archives
from izba.bootstrap.debian import deb as debs
from izba.bootstrap.errors import Corrupt, PackageNotFound
from izba.bootstrap.layers import Plan, make_layer
from izba.bootstrap.rootfs import File
from izba.layer.tarheader import FILE
from izba.layer.tarstream import TarReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.bootstrap.workshop import Workshop
    from izba.image.stored import StoredImage
    from izba.oci.reference import Reference

_PACKAGE = "busybox-static"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ACCOUNTS = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
_GROUPS = (
    "root:0 daemon:1 bin:2 sys:3 adm:4 tty:5 disk:6 lp:7 mail:8 kmem:9 wheel:10:root cdrom:11 dialout:18 floppy:19 "
    "video:28 audio:29 tape:32 www-data:33 operator:37 utmp:43 plugdev:46 staff:50 lock:54 netdev:82 users:100 "
    "nobody:65534"
)


class BusyboxRecipe(Record):
    """The latest busybox of a Debian release."""

    name: str = "busybox:latest"
    codename: str = "bookworm"

    def make(self, workshop: Workshop, reference: Reference) -> StoredImage:
        """Bring the package, take the program out of it, and put its names beside it. No program is run."""
        archive = workshop.archive(self.codename)
        package = archive.index.newest(_PACKAGE)
        if package is None:
            raise PackageNotFound(_PACKAGE, wanted_by=None, archives=archive.index.description())
        (path,) = archives.fetch([package], workshop.downloader)
        program, time = _program(path)
        plan = Plan(
            before=tuple(_files(program)),
            identity=(package.promise.hex,),
            oldest=time,
        )
        with workshop.store.lease("bootstrap") as lease:
            layer = make_layer(workshop, plan, lease, what=self.name)
            version = str(package.version).partition(":")[2].partition("-")[0] or str(package.version)
            portrait = Portrait(
                recipe=self.name,
                version=version,
                suite=archive.release.codename,
                steps=(f"{_PACKAGE} {package.version}",),
                sources=sources([package]),
                defaults=(("Env", [f"PATH={_PATH}"]), ("Cmd", ["sh"])),
            )
            return assemble(workshop, reference, layer, portrait)


def _program(path: str) -> tuple[bytes, int]:
    chunks = debs.read(path).data_chunks()
    reader = TarReader(lambda: next(chunks, b""))
    for entry in reader:
        if entry.type == FILE and entry.name.endswith(b"/bin/busybox"):
            return b"".join(reader.body()), entry.mtime // 10**9
    raise Corrupt(path, "has no busybox in it")


def _files(program: bytes) -> list[File]:
    directories = "bin/ dev/ etc/ home/ lib/ proc/ sys/ usr/ usr/bin/ usr/sbin/ sbin/ var/ var/spool/ var/www/"
    return [
        *(File(name=name, mode=0o755) for name in directories.split()),
        File(name="root/", mode=0o700),
        File(name="tmp/", mode=0o1777),
        File(name="var/spool/mail/", mode=0o755, uid=8, gid=8),
        File(name="etc/group", data=_group_file().encode()),
        File(name="etc/passwd", data=_ACCOUNTS.encode()),
        File(name="etc/shadow", data=_shadow_file().encode(), mode=0o640),
        File(name="bin/busybox", data=program, mode=0o755),
        *(File(name=f"bin/{name}", hard_link="bin/busybox", mode=0o755) for name in applets(program)),
        # Scripts begin with it: `#!/usr/bin/env sh`.
        File(name="usr/bin/env", link="../../bin/env"),
    ]


def applets(program: bytes) -> list[str]:
    """The names that this busybox answers to: its table of them, sorted and NUL-terminated, which begins with `[`."""
    start = program.find(b"[\0[[\0")
    if start < 0:
        raise Corrupt(_PACKAGE, "the program has no table of its names")
    end = program.index(b"\0\0", start)
    names = program[start:end].decode("ascii").split("\0")
    return [name for name in names if name != "busybox"]


def _group_file() -> str:
    rows = (word.split(":") for word in _GROUPS.split())
    return "".join(f"{name}:x:{gid}:{','.join(members)}\n" for name, gid, *members in rows)


def _shadow_file() -> str:
    names = [line.partition(":")[0] for line in _ACCOUNTS.splitlines()]
    return "".join(f"{name}:*:10933:0:99999:7:::\n" for name in names)
