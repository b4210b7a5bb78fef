"""The table of flags of `create` and `run`."""

from __future__ import annotations

from izba.cli.options.flags import Flag


def _flags(text: str) -> tuple[Flag, ...]:
    flags = []
    for line in text.strip().splitlines():
        names, kind, shown, explanation = (column.strip() for column in line.split("|", 3))
        short, _, name = names.rpartition(" ")
        flags.append(Flag(name=name, short=short, kind=kind or "bool", shown=shown, help=explanation))
    return tuple(flags)


FLAGS = _flags("""
    add-host              | list   |          | Add a custom host-to-IP mapping (host:ip)
    annotation            | list   | map      | Add an annotation to the container (passed through to the OCI runtime)
    a attach              | list   |          | Attach to STDIN, STDOUT or STDERR
    blkio-weight          | int    | uint16   | Block IO (relative weight), between 10 and 1000, or 0 to disable
    blkio-weight-device   | list   |          | Block IO weight (relative device weight)
    bootstrap             |        |          | Make a missing image from distribution packages (or IZBA_BOOTSTRAP=1)
    cap-add               | list   |          | Add Linux capabilities
    cap-drop              | list   |          | Drop Linux capabilities
    cgroup-parent         | string |          | Optional parent cgroup for the container
    cgroupns              | string |          | Cgroup namespace to use (host|private)
    cidfile               | string |          | Write the container ID to the file
    cpu-period            | int    |          | Limit CPU CFS (Completely Fair Scheduler) period
    cpu-quota             | int    |          | Limit CPU CFS (Completely Fair Scheduler) quota
    c cpu-shares          | int    |          | CPU shares (relative weight)
    cpus                  | string | decimal  | Number of CPUs
    cpuset-cpus           | string |          | CPUs in which to allow execution (0-3, 0,1)
    cpuset-mems           | string |          | MEMs in which to allow execution (0-3, 0,1)
    device                | list   |          | Add a host device to the container
    device-cgroup-rule    | list   |          | Add a rule to the cgroup allowed devices list
    device-read-bps       | list   |          | Limit read rate (bytes per second) from a device
    device-read-iops      | list   |          | Limit read rate (IO per second) from a device
    device-write-bps      | list   |          | Limit write rate (bytes per second) to a device
    device-write-iops     | list   |          | Limit write rate (IO per second) to a device
    dns                   | list   |          | Set custom DNS servers
    dns-option            | list   |          | Set DNS options
    dns-search            | list   |          | Set custom DNS search domains
    domainname            | string |          | Container NIS domain name
    entrypoint            | string |          | Overwrite the default ENTRYPOINT of the image
    e env                 | list   |          | Set environment variables
    env-file              | list   |          | Read in a file of environment variables
    expose                | list   |          | Expose a port or a range of ports
    group-add             | list   |          | Add additional groups to join
    health-cmd            | string |          | Command to run to check health
    health-interval       | string | duration | Time between running the check (ms|s|m|h)
    health-on-failure     | string |          | Action when the container becomes unhealthy (none|kill|restart|stop)
    health-retries        | int    |          | Consecutive failures needed to report unhealthy
    health-start-interval | string | duration | Time between running the check during the start period (ms|s|m|h)
    health-start-period   | string | duration | Time to start in which failures do not count (ms|s|m|h)
    health-timeout        | string | duration | Maximum time to allow one check to run (ms|s|m|h)
    h hostname            | string |          | Container host name
    init                  |        |          | Run an init inside the container that forwards signals and reaps
    i interactive         |        |          | Keep STDIN open even if not attached
    ipc                   | string |          | IPC mode to use
    ip                    | string |          | IPv4 address (e.g., 172.30.100.104)
    l label               | list   |          | Set meta data on a container
    label-file            | list   |          | Read in a line delimited file of labels
    log-driver            | string |          | Logging driver for the container (json-file|local|none)
    log-opt               | list   |          | Log driver options
    mac-address           | string |          | Container MAC address (e.g., 92:d0:c6:0a:29:33)
    m memory              | string | bytes    | Memory limit
    memory-reservation    | string | bytes    | Memory soft limit
    memory-swap           | string | bytes    | Swap limit equal to memory plus swap: '-1' to enable unlimited swap
    memory-swappiness     | int    |          | Tune container memory swappiness (0 to 100)
    mount                 | list   | mount    | Attach a filesystem mount to the container
    name                  | string |          | Assign a name to the container
    net                   | list   | network  | The same as --network
    network               | list   | network  | A network, none, host, container:NAME or pasta (default "bridge")
    network-alias         | list   |          | Add network-scoped alias for the container
    no-healthcheck        |        |          | Disable any container-specified HEALTHCHECK
    no-host-trust         |        |          | Lend no proxies, certificates and package indexes of the host
    oom-kill-disable      |        |          | Disable OOM Killer
    oom-score-adj         | int    |          | Tune host's OOM preferences (-1000 to 1000)
    pid                   | string |          | PID namespace to use
    pids-limit            | int    |          | Tune container pids limit (set -1 for unlimited)
    platform              | string |          | Set platform if the image has several (or DOCKER_DEFAULT_PLATFORM)
    privileged            |        |          | Give extended privileges to this container
    pull                  | string |          | Pull image before running (always|missing|never) (default "missing")
    p publish             | list   |          | Publish a container's port(s) to the host
    P publish-all         |        |          | Publish all exposed ports to random ports
    q quiet               |        |          | Suppress the pull output
    read-only             |        |          | Mount the container's root filesystem as read only
    restart               | string |          | Restart policy to apply when a container exits (default "no")
    rm                    |        |          | Automatically remove the container when it exits
    runtime               | string |          | Runtime to use for this container (native|crun|runc)
    security-opt          | list   |          | Security Options
    shm-size              | string | bytes    | Size of /dev/shm
    stop-signal           | string |          | Signal to stop the container
    stop-timeout          | int    |          | Timeout (in seconds) to stop a container
    sysctl                | list   | map      | Sysctl options
    tmpfs                 | list   |          | Mount a tmpfs directory
    t tty                 |        |          | Allocate a pseudo-TTY
    ulimit                | list   | ulimit   | Ulimit options
    u user                | string |          | Username or UID (format: <name|uid>[:<group|gid>])
    userns                | string |          | User namespace to use (host|keep-id[:uid=N,gid=N])
    uts                   | string |          | UTS namespace to use
    v volume              | list   |          | Bind mount a volume
    volumes-from          | list   |          | Mount volumes from the specified container(s)
    w workdir             | string |          | Working directory inside the container
""")

# Docker's flags that mean something izba does not do: refused by name, never passed over.
REFUSED = {
    "link": "containers of a network of their own find each other by name (`izba network create`)",
    "ip6": "networks have IPv4 addresses only",
    "link-local-ip": "networks have one address for each container",
    "gpus": "GPUs are given by --device only",
    "isolation": "isolation technologies exist on Windows only",
    "kernel-memory": "the kernel has no such limit any more",
    "cpu-rt-period": "real-time scheduling of containers is not supported",
    "cpu-rt-runtime": "real-time scheduling of containers is not supported",
    "storage-opt": "the size of a container's file system cannot be limited here",
    "volume-driver": "volumes are local directories",
    "disable-content-trust": "image signatures are not checked",
}
MEANINGLESS = {"isolation": "default", "disable-content-trust": "true", "volume-driver": "local"}
"""Values that ask for what is so anyway."""
_REFUSED_BOOLS = frozenset(("disable-content-trust",))

# Other names of flags, which Docker has without showing them.
_HIDDEN = tuple(Flag(name=name, kind="list", hidden=True) for name in ("dns-opt", "net-alias"))

ALL = (
    FLAGS
    + _HIDDEN
    + tuple(Flag(name=name, kind="bool" if name in _REFUSED_BOOLS else "list", hidden=True) for name in REFUSED)
)
