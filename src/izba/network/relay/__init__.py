"""The networks' own process, for what the kernel's rules cannot do. One for each izba, while a container needs it.

    as root        it answers names at 127.0.0.11 in containers, and carries published ports that arrive by IPv6
    rootless       it carries all that crosses between the host and the user's own network namespace, as well:
                   published ports in, TCP and UDP out

    starter ── connects, registers its container ──▶ relay ──┬── sockets made in containers' namespaces (names)
    monitor ── keeps the connection while it lives ──▶       ├── sockets made in the user's namespace (rootless)
                                                             └── sockets of the host

A socket belongs to the namespace it was made in, wherever it is used: whoever is inside makes it and hands it over
(SCM_RIGHTS). A container's connection ends with its monitor, so nothing has to be cleaned up; when the last has gone
the relay ends. When the relay is killed, each monitor sees its connection end, and registers its container anew.
"""
