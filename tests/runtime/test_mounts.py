"""config.json's `mounts`, `root` and devices, and what an image has in their way."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from izba.linux import mountinfo, overlay
from izba.linux.mount import Mount
from izba.oci.runtimespec import Spec
from izba.runtime.native import rootfs as plans
from tests.runtime.harness import Failure, Runner, base_config

pytestmark = pytest.mark.root


def mounts_of(runner: Runner, config: Spec, **options: object) -> dict[str, mountinfo.MountInfo]:
    """The mounts that a container of `config` sees, by mount point; the last one where several are on top of
    another.
    """
    lines = runner.out({**config, "process": {**config["process"], "args": ["cat", "/proc/self/mountinfo"]}}, **options)
    return {each.mount_point: each for each in map(mountinfo.parse, lines.encode().splitlines())}


def bind(source: object, destination: str, *options: str) -> Any:
    return {"type": "bind", "source": str(source), "destination": destination, "options": ["rbind", *options]}


# -- what is asked for


def test_the_default_mounts_are_there_with_their_options(everyone: Runner) -> None:
    mounts = mounts_of(everyone, base_config())

    assert {path: mounts[path].type for path in ("/proc", "/dev", "/dev/pts", "/sys", "/dev/shm", "/dev/mqueue")} == {
        "/proc": "proc",
        "/dev": "tmpfs",
        "/dev/pts": "devpts",
        "/sys": "sysfs",
        "/dev/shm": "tmpfs",
        "/dev/mqueue": "mqueue",
    }
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(mounts["/sys"].options)
    assert {"rw", "nosuid", "nodev", "noexec"} <= set(mounts["/proc"].options)


def test_nothing_of_the_host_is_left_in_the_mount_table(everyone: Runner) -> None:
    points = set(mounts_of(everyone, base_config()))

    assert {point for point in points if not point.startswith(("/dev", "/proc", "/sys"))} == {"/"}


def test_dev_has_mode_755_and_the_default_devices(everyone: Runner) -> None:
    script = "stat -c '%a %F' /dev; for d in null zero full random urandom tty; do stat -c '%n %F %a' /dev/$d; done"
    lines = everyone.out(base_config("sh", "-c", script)).splitlines()

    assert lines[0] == "755 directory"
    assert lines[1:] == [
        f"/dev/{name} character special file 666" for name in ("null", "zero", "full", "random", "urandom", "tty")
    ]


def test_dev_has_the_usual_links(everyone: Runner) -> None:
    links = "for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done"

    assert everyone.out(base_config("sh", "-c", links)).split() == [
        "/proc/self/fd",
        "/proc/self/fd/0",
        "/proc/self/fd/1",
        "/proc/self/fd/2",
        "pts/ptmx",
    ]


def test_the_root_is_read_only_when_asked(everyone: Runner) -> None:
    config = base_config("sh", "-c", "touch /etc/x || echo refused; touch /dev/shm/x && echo shm")
    config["root"]["readonly"] = True

    assert everyone.out(config).split() == ["refused", "shm"]


@pytest.mark.parametrize(("options", "answer"), [((), "written"), (("ro",), "refused"), (("rro",), "refused")])
def test_a_directory_is_bound_with_the_access_asked_for(
    anyone: Runner, tmp_path: Path, options: tuple[str, ...], answer: str
) -> None:
    volume = anyone.bundle / "volume"
    volume.mkdir()
    volume.chmod(0o777)
    config = base_config("sh", "-c", "touch /data/x && echo written || echo refused")
    config["mounts"].append(bind(volume, "/data", *options))

    assert anyone.out(config) == answer


def test_a_file_is_bound_on_a_file_that_is_made_for_it(everyone: Runner) -> None:
    source = everyone.bundle / "hosts"
    source.write_text("127.0.0.1 me\n")
    config = base_config("cat", "/new/dir/hosts")
    config["mounts"].append(bind(source, "/new/dir/hosts", "ro"))

    assert everyone.out(config) == "127.0.0.1 me"


def test_read_only_reaches_the_mounts_below_only_when_recursive(root: Runner, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    (volume / "below").mkdir(parents=True)
    script = "touch /data/below/x && echo written || echo refused"

    def answer(option: str) -> str:
        def mounted(stdio: object) -> int:
            Mount(type="tmpfs", source="tmpfs").attach(str(volume / "below"))
            config = base_config("sh", "-c", script)
            config["mounts"].append(bind(volume, "/data", option))
            return root._run(config, stdio, {})  # type: ignore[arg-type]

        return root.inside_own_mounts(mounted).out.strip()

    assert (answer("ro"), answer("rro")) == ("written", "refused")


def test_a_relative_source_is_one_of_the_bundle(root: Runner) -> None:
    (root.bundle / "data").write_text("from the bundle")
    config = base_config("cat", "/data")
    config["mounts"].append(bind("data", "/data"))

    assert root.out(config) == "from the bundle"


def test_a_missing_source_is_named(anyone: Runner) -> None:
    config = base_config("true")
    config["mounts"].append(bind("/no/such/source", "/data"))

    with pytest.raises(Failure) as caught:
        anyone.run(config)

    assert (caught.value.kind, caught.value.facts["syscall"], caught.value.facts["path"]) == (
        "InitFailed",
        "open_tree",
        "/no/such/source",
    )


def test_a_tmpfs_keeps_the_mode_of_what_it_covers_unless_told(anyone: Runner) -> None:
    config = base_config("stat", "-c", "%a", "/tmp", "/etc")
    config["mounts"] += [
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": []},
        {"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["mode=700", "size=64k"]},
    ]

    assert anyone.out(config).split() == ["1777", "700"]


def test_an_unknown_option_of_a_filesystem_is_named(root: Runner) -> None:
    config = base_config("true")
    config["mounts"].append({"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["colour=blue"]})

    with pytest.raises(Failure, match=r"tmpfs on /t.*colour=blue"):
        root.run(config)


def test_the_snapshots_mounts_are_made_inside_and_leave_nothing(anyone: Runner) -> None:
    """The root is an overlay that exists in the container's mount namespace only."""
    upper, work, point = (anyone.bundle / name for name in ("upper", "work", "merged"))
    for path in (upper, work, point):
        path.mkdir()
        os.chown(path, *_owner(anyone))
    config = base_config("sh", "-c", "echo changed > /etc/passwd; cat /etc/passwd")
    config["root"]["path"] = str(point)
    lower = str(anyone.rootfs)

    def run(stdio: object) -> int:
        mount = overlay.overlay([lower], str(upper), str(work))
        return anyone._run(config, stdio, {"rootfs": [mount]})  # type: ignore[arg-type]

    assert anyone.inside(run).out.strip() == "changed"
    assert (upper / "etc/passwd").read_text() == "changed\n"
    assert "root:x" in (anyone.rootfs / "etc/passwd").read_text()
    assert list(point.iterdir()) == []


def test_sixty_layers_are_more_than_an_options_page_and_work(root: Runner, tmp_path: Path) -> None:
    layers = [tmp_path / f"a-directory-with-a-long-name-{'x' * 60}-{number}" for number in range(60)]
    for number, layer in enumerate(layers):
        layer.mkdir()
        (layer / f"from-{number}").touch()
    upper, work = tmp_path / "u", tmp_path / "w"
    upper.mkdir()
    work.mkdir()
    mount = overlay.overlay([str(root.rootfs), *map(str, layers)], str(upper), str(work))

    out = root.out(base_config("sh", "-c", "ls / | grep -c from-"), rootfs=[mount])

    assert out == "60"


def test_devices_of_the_spec_are_made(root: Runner) -> None:
    config = base_config("stat", "-c", "%t:%T %a %u", "/dev/deep/fuse")
    config["linux"]["devices"] = [
        {"path": "/dev/deep/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 7}
    ]

    assert root.out(config) == "a:e5 640 7"


def test_devices_of_the_host_are_bound_where_none_can_be_made(make_runner) -> None:
    config = base_config("sh", "-c", "stat -c %t:%T /dev/zero; dd if=/dev/zero bs=1 count=3 2>/dev/null | wc -c")

    for who in ("range", "single"):
        assert make_runner(who).out(config).split() == ["1:5", "3"]


def test_masked_paths_show_nothing(everyone: Runner) -> None:
    """C11."""
    masked = base_config()["linux"]["maskedPaths"]
    script = (
        'for p in "$@"; do if [ -d $p ]; then [ -z "$(ls $p)" ] || echo $p; elif [ -e $p ]; then'
        ' [ -z "$(cat $p)" ] || echo $p; fi; done'
    )

    assert everyone.out(base_config("sh", "-c", script, "sh", *masked)) == ""


def test_read_only_paths_refuse_writes(everyone: Runner) -> None:
    """C11."""
    script = "echo x > /proc/sys/kernel/hostname; echo c > /proc/sysrq-trigger; hostname"

    result = everyone.run(base_config("sh", "-c", script))

    assert result.out == "box\n"
    assert "Read-only" in result.err or "ermission" in result.err


def test_a_shared_network_namespace_shows_the_hosts_sysfs_read_only(anyone: Runner) -> None:
    """An ordinary user may not mount sysfs for a network namespace that is not its own."""
    config = base_config("sh", "-c", "ls /sys/class/net; grep ' /sys ' /proc/mounts")
    config["linux"]["namespaces"] = [each for each in config["linux"]["namespaces"] if each["type"] != "network"]

    lines = anyone.out(config).splitlines()

    assert "lo" in lines
    assert " ro," in lines[-1]


# -- what is in the way


def test_a_link_in_the_image_leads_nowhere_but_into_the_image(anyone: Runner) -> None:
    """C7: a mount's target is a link out of the root."""
    canary = anyone.bundle / "canary"
    canary.mkdir()
    (anyone.rootfs / "data").symlink_to(f"../../../../../../../../..{canary}")
    volume = anyone.bundle / "volume"
    volume.mkdir()
    (volume / "here").touch()
    config = base_config("ls", "/data")
    config["mounts"].append(bind(volume, "/data/deep"))

    assert anyone.out(config) == "deep"
    assert list(canary.iterdir()) == []
    assert (anyone.rootfs / str(canary).lstrip("/") / "deep").is_dir()


def test_a_loop_of_links_is_an_error_and_no_hang(anyone: Runner) -> None:
    (anyone.rootfs / "loop").symlink_to("loop")
    config = base_config("true")
    config["mounts"].append(bind(anyone.bundle, "/loop/x"))

    with pytest.raises(Failure, match="too many levels of symbolic links"):
        anyone.run(config)


@pytest.mark.parametrize("name", ["proc", "sys", "dev"])
def test_what_the_runtime_relies_on_must_not_be_a_link(anyone: Runner, name: str) -> None:
    """C6, C8: /dev, /proc or /sys of the image is a link."""
    (anyone.rootfs / name).rmdir()
    (anyone.rootfs / name).symlink_to("/tmp")

    with pytest.raises(Failure) as caught:
        anyone.run(base_config("true"))

    assert caught.value.kind == "InitFailed"
    assert f"on /{name}" in caught.value.facts["stage"]


def test_a_fake_null_device_in_the_image_masks_nothing(anyone: Runner) -> None:
    """C3: masking takes the host's /dev/null, which is looked at, and not the container's."""
    secret = anyone.bundle / "secret"
    secret.write_text("secret")
    config = base_config("cat", "/masked")
    config["mounts"] = [each for each in config["mounts"] if not each["destination"].startswith("/dev")]
    (anyone.rootfs / "masked").write_text("to be hidden")
    (anyone.rootfs / "dev/null").symlink_to(secret)
    config["linux"]["maskedPaths"] = ["/masked"]

    assert anyone.out(config) == ""
    assert secret.read_text() == "secret"


def test_nothing_is_mounted_over_parts_of_proc(anyone: Runner) -> None:
    """C5, C8: a fake /proc/self/attr or /proc/sys would redirect what is written there."""
    for destination in ("/proc/self/attr", "/proc/sys", "/link/sys"):
        config = base_config("true")
        config["mounts"].append(bind(anyone.bundle, destination))
        if not (anyone.rootfs / "link").is_symlink():
            (anyone.rootfs / "link").symlink_to("proc")

        with pytest.raises(Failure, match="/proc"):
            anyone.run(config)


def test_proc_files_that_lxcfs_replaces_may_be_covered(root: Runner) -> None:
    (root.bundle / "uptime").write_text("1.00 1.00\n")
    config = base_config("cat", "/proc/uptime")
    config["mounts"].append(bind(root.bundle / "uptime", "/proc/uptime"))

    assert root.out(config) == "1.00 1.00"


def test_mount_points_are_not_made_outside_the_root(root: Runner, tmp_path: Path) -> None:
    """C8: a volume below a link made directories on the host (CVE-2024-45310)."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (root.rootfs / "escape").symlink_to(outside)
    config = base_config("true")
    config["mounts"].append(bind(root.bundle / "rootfs/etc", "/escape/made/here"))

    root.out(config)

    assert list(outside.iterdir()) == []


def test_a_device_in_the_image_is_replaced(root: Runner) -> None:
    """C4, C6: /dev is the image's own directory, and its nodes are not what they are called."""
    os.mknod(root.rootfs / "dev/zero", 0o20666, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root.rootfs / "dev/null"))
    config = base_config("stat", "-c", "%t:%T", "/dev/zero", "/dev/null")
    config["mounts"] = [each for each in config["mounts"] if not each["destination"].startswith("/dev")]

    assert root.out(config).split() == ["1:5", "1:3"]


def test_a_propagating_host_sees_nothing_of_the_containers_mounts(root: Runner, tmp_path: Path) -> None:
    def run(stdio: object) -> int:
        from izba.linux import flags, mount

        mount.set_propagation("/", flags.MS_SHARED | flags.MS_REC)
        before = len(mountinfo.read())
        config = base_config("true")
        config["mounts"].append(bind(root.bundle, "/data", "rprivate"))
        root._run(config, stdio, {})  # type: ignore[arg-type]
        return len(mountinfo.read()) - before

    assert root.inside_own_mounts(run).code == 0


def test_a_shared_root_propagation_keeps_the_root_itself_private(root: Runner) -> None:
    def run(stdio: object) -> int:
        from izba.linux import flags, mount

        mount.set_propagation("/", flags.MS_SHARED | flags.MS_REC)
        before = len(mountinfo.read())
        config = base_config("cat", "/proc/self/mountinfo")
        config["linux"]["rootfsPropagation"] = "shared"
        root._run(config, stdio, {})  # type: ignore[arg-type]
        return len(mountinfo.read()) - before

    result = root.inside_own_mounts(run)

    assert result.code == 0
    top = mountinfo.parse(result.out.splitlines()[0].encode())
    assert any(tag.startswith("shared:") for tag in top.optional)


def test_cgroups_are_shown_read_only(everyone: Runner) -> None:
    """C9."""
    config = base_config("sh", "-c", "ls /sys/fs/cgroup; mkdir /sys/fs/cgroup/*/escape; echo $?")
    config["mounts"].append(
        {
            "destination": "/sys/fs/cgroup",
            "type": "cgroup",
            "source": "cgroup",
            "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
        }
    )
    lines = everyone.out(config).split()

    assert len(lines) > 1
    assert lines[-1] == "1"


def test_the_plan_can_be_read(root: Runner) -> None:
    config = base_config("true")
    config["root"]["readonly"] = True

    described = [each.describe() for each in plans.plan(config, bundle="/b", rootfs=())]

    assert described[0] == "root at /b/rootfs from itself"
    assert described[1] == "proc proc on /proc (nosuid,noexec,nodev)"
    assert "device /dev/null c 1:3 mode 666" in described
    assert described[-3:] == ["/sys/devices/virtual/powercap masked", "working directory /", "root read-only"]


def _owner(runner: Runner) -> tuple[int, int]:
    return (0, 0) if runner.user is None else (runner.user.uid, runner.user.gid)
