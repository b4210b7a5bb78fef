"""The shell scripts that finish an unpacked system, as text: what `dpkg` would have run, then tidying."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from izba.bootstrap.debian.index import Package

# What all maintainer scripts rely on without saying so is configured first, in debootstrap's order.
_FIRST = ("base-passwd", "base-files", "dpkg", "libc6", "perl-base", "mawk", "debconf")

_BEGIN = """\
set -eu
cd /var/lib/dpkg
mkdir -p alternatives info parts triggers updates
touch available diversions statoverride status triggers/File
[ -e info/format ] || echo 1 > info/format
cat status.izba >> status
while read -r name owner; do
    case $name in
        /*) echo "$name $owner" >> triggers/File ;;
        *) echo "$owner" >> "triggers/$name" ;;
    esac
done < triggers.izba
rm status.izba triggers.izba
cd /

preinst() {
    export DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE="$2" DPKG_MAINTSCRIPT_ARCH="$3"
    export DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT=
    script=/var/lib/dpkg/info/$1.preinst
    [ ! -e "$script" ] || "$script" install || { echo "the preinst script of $2 failed" >&2; exit 1; }
    unset DPKG_MAINTSCRIPT_NAME DPKG_MAINTSCRIPT_PACKAGE DPKG_MAINTSCRIPT_ARCH DPKG_ADMINDIR DPKG_ROOT
}

triggered() {
    while read -r path owner; do
        for list in "$@"; do
            if grep -q "^$path/" "/var/lib/dpkg/info/$list.list"; then
                dpkg-trigger --by-package="${owner%/noawait}" --no-await "$path"
                break
            fi
        done
    done < /var/lib/dpkg/triggers/File
}

"""

# Only what differs from one run to the next, or tells of the machine it ran on.
_TIDY = """\
find /var/log -type f -name '*.log' -exec rm -f {} +
find /var/log -type f -size +0c -exec truncate -s 0 {} +
find /run /tmp /var/tmp /var/lib/apt/lists -xdev ! -type d -exec rm -f {} +
rm -f /var/cache/ldconfig/aux-cache /var/cache/apt/*.bin /var/cache/debconf/*-old
rm -f /var/lib/dpkg/*-old /etc/.pwd.lock /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
if [ -e /etc/machine-id ]; then : > /etc/machine-id; fi
"""


def configure(packages: Sequence[Package], *, first: bool, then: str = "") -> str:
    """Configure `packages`, which are unpacked, in that order; `first`: nothing was configured before them."""
    if not packages:
        return f"set -eu\n{then}{_TIDY}"
    stems = [info_stem(package) for package in packages]
    lines = [
        f"preinst {stem} {package.name} {package.architecture}" for stem, package in zip(stems, packages, strict=True)
    ]
    present = {package.name for package in packages}
    if early := [name for name in _FIRST if name in present] if first else []:
        lines.append(f"dpkg --force-depends --configure {' '.join(early)}")
    lines.append(f"triggered {' '.join(stems)}")
    lines.append("dpkg --configure -a")
    return _BEGIN + "\n".join(lines) + "\n" + then + _TIDY


def info_stem(package: Package) -> str:
    """What the package's files in `var/lib/dpkg/info` are called."""
    same = package.fields.get("Multi-Arch") == "same"
    return f"{package.name}:{package.architecture}" if same else package.name


def environment(epoch: int) -> Iterable[str]:
    """What the scripts run with: nobody to ask, and no clock or hash seed of this run in what they write."""
    return (
        "DEBCONF_NONINTERACTIVE_SEEN=true",
        "DEBIAN_FRONTEND=noninteractive",
        "HOME=/root",
        "LC_ALL=C.UTF-8",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PERL_HASH_SEED=0",
        "PYTHONHASHSEED=0",
        f"SOURCE_DATE_EPOCH={epoch}",
    )
