from __future__ import annotations

import pytest

from izba.errors import InvalidArgument
from izba.runtime.specgen import resources
from izba.runtime.specgen.request import DeviceRate, HostFacts, ResourceLimits, SpecRequest

MIB = 1 << 20


def made(request: SpecRequest, **limits: object) -> dict[str, object]:
    result = dict(resources.resources(request.replace(resources=ResourceLimits(**limits))))
    del result["devices"]
    return result


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, {}),
        ({"memory": 64 * MIB}, {"memory": {"limit": 64 * MIB, "swap": 128 * MIB}}),
        ({"memory": 64 * MIB, "memory_swap": -1}, {"memory": {"limit": 64 * MIB, "swap": -1}}),
        ({"memory": 64 * MIB, "memory_swap": 64 * MIB}, {"memory": {"limit": 64 * MIB, "swap": 64 * MIB}}),
        ({"memory_reservation": 8 * MIB}, {"memory": {"reservation": 8 * MIB}}),
        ({"nano_cpus": 1_500_000_000}, {"cpu": {"period": 100_000, "quota": 150_000}}),
        ({"cpu_period": 50_000, "cpu_quota": 25_000}, {"cpu": {"period": 50_000, "quota": 25_000}}),
        ({"cpu_shares": 512, "cpuset_cpus": "0-1"}, {"cpu": {"shares": 512, "cpus": "0-1"}}),
        ({"pids_limit": 100}, {"pids": {"limit": 100}}),
        ({"pids_limit": 0}, {"pids": {"limit": -1}}),
        ({"pids_limit": -1}, {"pids": {"limit": -1}}),
        ({"blkio_weight": 300}, {"blockIO": {"weight": 300}}),
        (
            {"oom_kill_disable": True, "memory": 64 * MIB},
            {"memory": {"limit": 64 * MIB, "swap": 128 * MIB, "disableOOMKiller": True}},
        ),
    ],
)
def test_limits_in_the_specs_words(request_: SpecRequest, limits: dict[str, object], expected: object) -> None:
    assert made(request_, **limits) == expected


def test_a_rate_is_of_the_device_at_the_path(request_: SpecRequest) -> None:
    rates = (DeviceRate(path="/dev/zero", rate=MIB),)
    assert made(request_, device_read_bps=rates) == {
        "blockIO": {"throttleReadBpsDevice": [{"major": 1, "minor": 5, "rate": MIB}]}
    }


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"memory": 4096}, "Minimum memory limit allowed is 6MB"),
        ({"memory": 64 * MIB, "memory_swap": 32 * MIB}, "Minimum memoryswap limit should be larger than memory limit"),
        ({"memory_swap": 32 * MIB}, "You should always set the Memory limit when using Memoryswap limit"),
        ({"memory_reservation": 1}, "Minimum memory reservation allowed is 6MB"),
        ({"memory": 8 * MIB, "memory_reservation": 9 * MIB}, "Minimum memory limit can not be less than memory reserv"),
        ({"memory_swappiness": 101}, "valid memory swappiness range is 0-100"),
        ({"nano_cpus": 10**9, "cpu_quota": 5000}, "Nano CPUs and CPU Quota cannot both be set"),
        ({"nano_cpus": 10**9, "cpu_period": 5000}, "Nano CPUs and CPU Period cannot both be set"),
        ({"nano_cpus": 5 * 10**9}, "range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available"),
        ({"nano_cpus": -1}, "range of CPUs is from"),
        ({"cpu_period": 10}, "CPU cfs period can not be less than 1ms"),
        ({"cpu_quota": 10}, "CPU cfs quota can not be less than 1ms"),
        ({"cpu_shares": -5}, "value must be a positive integer"),
        ({"cpuset_cpus": "0-9"}, "Requested CPUs are not available - requested 0-9, available: 0-3"),
        ({"cpuset_cpus": "a"}, "Invalid value a for cpuset cpus"),
        ({"cpuset_cpus": "3-1"}, "Invalid value 3-1 for cpuset cpus"),
        ({"cpuset_cpus": "0-99999999999999"}, "Invalid value"),
        ({"blkio_weight": 5}, "Range of blkio weight is from 10 to 1000"),
    ],
)
def test_nonsense_is_refused_in_dockers_words(host: HostFacts, limits: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=sentence):
        resources.checked(ResourceLimits(**limits), host)


def test_a_limit_the_host_cannot_set_is_left_out_with_a_warning(host: HostFacts) -> None:
    asked = ResourceLimits(memory=64 * MIB, pids_limit=5, nano_cpus=10**9)
    limits, warnings = resources.checked(asked, host.replace(cgroup_version=0, cgroup_controllers=()))
    assert limits == ResourceLimits()
    assert len(warnings) == 3
    assert resources.checked(asked, host) == (asked, [])


def test_what_v2_has_not_is_left_out_with_a_warning(host: HostFacts) -> None:
    limits, warnings = resources.checked(
        ResourceLimits(memory=64 * MIB, oom_kill_disable=True, memory_swappiness=5), host
    )
    assert limits == ResourceLimits(memory=64 * MIB)
    assert ["OomKillDisable" in warnings[0], "swappiness" in warnings[1]] == [True, True]


def test_whether_any_limit_is_asked_for() -> None:
    assert not resources.wanted(ResourceLimits())
    assert resources.wanted(ResourceLimits(pids_limit=1))
    assert resources.wanted(ResourceLimits(device_read_bps=(DeviceRate(path="/dev/zero", rate=1),)))
