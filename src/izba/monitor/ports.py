"""The ports of the host that a container publishes: held by its monitor from before its first start to its end."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.monitor.plan import Plan
    from izba.network.ports import Reserved


class Ports:
    """Nothing at all for a container that publishes nothing."""

    def __init__(self) -> None:
        self._reserved: Reserved | None = None

    @property
    def sockets(self) -> list[int]:
        """What holds the ports."""
        return [each.fileno() for each in self._reserved.sockets] if self._reserved else []

    def reserve(self, plan: Plan) -> Plan:
        """Hold the plan's ports; the plan with those that the kernel chose. Once: a restart finds them held."""
        if self._reserved is not None or plan.network is None or not plan.network.ports:
            return plan
        import os

        from izba.network import ports

        reserved = ports.reserve(plan.network.ports, containers=os.path.dirname(plan.directory))
        self._reserved = reserved
        ports.record(plan.directory, reserved.bindings)
        return plan.replace(network=plan.network.replace(ports=reserved.bindings, places=tuple(reserved.places)))

    def release(self, plan: Plan) -> None:
        """Let go of them. The rules that lead to the container go in a child's own time."""
        if self._reserved is None or plan.network is None:
            return
        from izba.monitor import children
        from izba.network import ports

        network = plan.network
        ports.forget(plan.directory)

        def main() -> int:
            from izba.network.attach import detach

            detach(network)
            return 0

        self._reserved.close()
        self._reserved = None
        children.fork(main, keep=())
