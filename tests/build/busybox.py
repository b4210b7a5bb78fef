"""A base image for tests, made of the machine's static busybox."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

BUSYBOX = Path("/usr/bin/busybox")
CREATED = 1_700_000_000

_FILES = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n",
    "etc/group": b"root:x:0:\napp:x:1001:\nstaff:x:50:app\n",
}
_APPLETS = (
    "[ awk cat chgrp chmod chown cp cut date dd df du echo env expr false find grep gunzip gzip head hostname id kill"
    " link ln ls md5sum mkdir mkfifo mknod mktemp more mount mv nl nproc od printenv printf ps pwd readlink realpath rm"
    " rmdir sed seq sh sha256sum sleep sort stat sync tail tar tee test time timeout touch tr true tty uname uniq"
    " unlink vi wc which whoami xargs xz yes zcat"
)
"""What tests call: each is a link that every store of theirs has to have."""
_DIRECTORIES = ("bin", "etc", "root", "tmp", "usr", "usr/bin", "var", "var/lib")


def root_tar() -> bytes:
    """The root file system: /bin/busybox with its links, /etc/passwd and /etc/group."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in _DIRECTORIES:
            _add(tar, name, type=tarfile.DIRTYPE, mode=0o1777 if name == "tmp" else 0o755)
        _add(tar, "bin/busybox", BUSYBOX.read_bytes(), mode=0o755)
        applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
        for applet in sorted(set(applets) & set(_APPLETS.split())):
            _add(tar, f"bin/{applet}", type=tarfile.SYMTYPE, linkname="busybox")
        for name, data in _FILES.items():
            _add(tar, name, data)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes = b"", **fields: object) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode = 0o644
    entry.size = len(data)
    entry.mtime = CREATED
    for field, value in fields.items():
        setattr(entry, field, value)
    tar.addfile(entry, io.BytesIO(data))
