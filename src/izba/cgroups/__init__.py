"""Limits, freezing and accounting of a container's processes, on cgroup v1 and v2.

manager = cgroups.manager(spec["linux"]["cgroupsPath"])     None where this process may make no cgroup
manager.apply(spec["linux"]["resources"])                   makes the cgroup and sets the limits
manager.add(pid)                                            or, on v2, clone3 with manager.fd()
manager.stats(); manager.freeze(); manager.thaw(); manager.kill(); manager.remove()
"""
