"""The environment: equal where times may be compared, robust where nothing can be known."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pytest_speedacc.measure import environment as module
from pytest_speedacc.measure.environment import Environment, library_versions

CACHED = (
    module._cpuinfo,
    module._cpu,
    module._cpu_flags,
    module._system,
    module._identity,
    module._caches,
    module._hypervisor,
)


@pytest.fixture
def fresh() -> object:
    """Forget what was read of this machine, before and after."""
    for function in CACHED:
        function.cache_clear()
    yield
    for function in CACHED:
        function.cache_clear()


def test_the_same_process_is_the_same_environment() -> None:
    here = Environment.current()
    assert here == Environment.current()
    assert here.key == Environment.current().key
    assert here.cores >= 0.01
    assert here.threads >= 1
    assert here.machine == platform.machine()


def run_python(program: str) -> str:
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", program], env=paths, check=True, capture_output=True, text=True).stdout


def test_another_process_has_the_same_key() -> None:
    program = """
import numpy
from pytest_speedacc.measure.environment import Environment
print(Environment.current().key)
"""
    assert run_python(program) == run_python(program)


EXAMPLE = Environment(
    cpu="Fast CPU",
    cpu_flags="0123456789ab",
    accelerator="",
    system="Linux 1",
    machine="x86_64",
    cores=2.0,
    threads=2,
    thread_variables="",
)


CLOUD = msgspec.structs.replace(
    EXAMPLE,
    processor="vendor_id AuthenticAMD, cpu family 25, model 1, stepping 1",
    caches="L1 data 32K, L2 unified 512K, L3 unified 32768K",
    hypervisor="KVM",
)


def test_the_key_is_stable_between_releases() -> None:
    assert CLOUD.key == "26d1da0d4376"
    # Of a file from before processors of one name were told apart, with which nothing of today compares.
    assert EXAMPLE.key == EXAMPLE.former_key == CLOUD.former_key == "024616e700bc"


def test_what_this_system_tells_of_its_hardware_is_in_the_key() -> None:
    here = Environment.current()
    assert here.key != here.former_key
    if sys.platform == "linux" and platform.machine() == "x86_64":
        assert isinstance(here.processor, str)
        assert [part.rpartition(" ")[0] for part in here.processor.split(", ")] == [*module.IDENTITY[:4]]
    if Path("/sys/devices/system/cpu/cpu0/cache/index0/size").exists():
        assert here.caches


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("cpu", "Slow CPU"),
        ("cpu_flags", ""),
        ("accelerator", "Fast GPU"),
        ("system", "Linux 2"),
        ("machine", "aarch64"),
        ("cores", 1.5),
        ("threads", 1),
        ("thread_variables", "OMP_NUM_THREADS=2"),
        ("processor", "vendor_id AuthenticAMD, cpu family 25, model 17, stepping 1"),
        ("caches", ""),
        ("hypervisor", "Microsoft"),
    ],
)
def test_every_field_counts(field: str, other: object) -> None:
    assert msgspec.structs.replace(CLOUD, **{field: other}).key != CLOUD.key


@pytest.mark.parametrize(
    ("changes", "unlike"),
    [
        ({}, ""),
        # Said by the descriptions already.
        ({"cpu": "Slow CPU", "caches": ""}, ""),
        ({"caches": ""}, "caches unknown, here L1 data 32K, L2 unified 512K, L3 unified 32768K"),
        (
            {"hypervisor": "Microsoft", "cpu_flags": "aaaa"},
            "instruction sets aaaa, here 0123456789ab; host Microsoft, ",
        ),
        ({"processor": msgspec.UNSET}, "from a version that knew processors by their name alone"),
    ],
)
def test_environments_of_one_name_are_told_apart_in_words(changes: dict[str, object], unlike: str) -> None:
    said = msgspec.structs.replace(CLOUD, **changes).unlike(CLOUD)
    assert said.startswith(unlike)
    assert bool(said) is bool(unlike)


def test_the_description_says_what_a_reader_needs() -> None:
    assert EXAMPLE.describe() == "Fast CPU, 2 cores, 2 threads, Linux 1 x86_64"
    small = msgspec.structs.replace(
        EXAMPLE, accelerator="Fast GPU", cores=1.0, threads=1, thread_variables="OMP_NUM_THREADS=1"
    )
    assert small.describe() == "Fast CPU, Fast GPU, 1 core, 1 thread (OMP_NUM_THREADS=1), Linux 1 x86_64"


def test_the_accelerator_is_the_one_the_caller_names() -> None:
    assert Environment.current().accelerator == ""
    assert Environment.current("Fast GPU").accelerator == "Fast GPU"


def test_thread_variables_and_pools_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert "OMP_NUM_THREADS=3" in Environment.current().thread_variables
    if not threadpoolctl.threadpool_info():
        pytest.skip("no thread pool is loaded here")
    with threadpoolctl.threadpool_limits(1):
        assert Environment.current().threads == 1


def test_affinity_limits_the_cores() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity on this system")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert Environment.current().cores <= 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, float("inf")),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, float("inf")),
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        (
            {
                "proc/self/cgroup": "0::/slice/job\n",
                "sys/fs/cgroup/slice/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/slice/job/cpu.max": "max 100000\n",
            },
            2.0,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n0::/docker/abc\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            float("inf"),
        ),
        ({"sys/fs/cgroup/cpu.max": "nonsense"}, float("inf")),
        ({"sys/fs/cgroup/cpu.max": "100 0"}, float("inf")),
    ],
    ids=["none", "v2 unlimited", "v2", "v2 parent", "v1 in a container", "v1 unlimited", "nonsense", "zero"],
)
def test_container_quotas(tmp_path: Path, files: dict[str, str], cores: float) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert module._quota(tmp_path) == cores


@pytest.mark.parametrize(
    ("cpuinfo", "cpu", "has_flags"),
    [
        (
            "processor : 0\nmodel name : Fast CPU @ 3 GHz\nflags : sse avx\n\nprocessor : 1\n",
            "Fast CPU @ 3 GHz",
            True,
        ),
        (
            "CPU implementer : 0x41\nCPU part : 0xd0c\nFeatures : fp asimd\n",
            "implementer 0x41 part 0xd0c",
            True,
        ),
        ("", None, False),
    ],
    ids=["x86", "ARM", "no /proc"],
)
def test_the_processor(
    fresh: object, monkeypatch: pytest.MonkeyPatch, cpuinfo: str, cpu: str | None, has_flags: bool
) -> None:
    monkeypatch.setattr(module, "_read", lambda path: cpuinfo)
    here = Environment.current()
    assert here.cpu == cpu if cpu else here.cpu
    assert bool(here.cpu_flags) is has_flags


def test_the_order_of_cpu_flags_does_not_count(fresh: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_read", lambda path: "flags : sse avx")
    one = module._cpu_flags()
    for function in CACHED:
        function.cache_clear()
    monkeypatch.setattr(module, "_read", lambda path: "flags : avx sse")
    assert module._cpu_flags() == one


def test_the_processors_identity_is_read_on_x86_and_on_arm(fresh: object, monkeypatch: pytest.MonkeyPatch) -> None:
    x86 = "vendor_id : AuthenticAMD\ncpu family : 25\nmodel : 1\nmodel name : AMD EPYC\nstepping : 1\n"
    arm = "CPU implementer : 0x41\nCPU architecture: 8\nCPU variant : 0x3\nCPU part : 0xd0c\nCPU revision : 1\n"
    for cpuinfo, identity in (
        (x86, "vendor_id AuthenticAMD, cpu family 25, model 1, stepping 1"),
        (arm, "cpu implementer 0x41, cpu architecture 8, cpu variant 0x3, cpu part 0xd0c, cpu revision 1"),
        ("", ""),
    ):
        monkeypatch.setattr(module, "_read", lambda path, text=cpuinfo: text)
        for function in CACHED:
            function.cache_clear()
        assert module._identity() == identity


def test_caches_are_told_level_by_level(fresh: object, tmp_path: Path) -> None:
    assert module._caches(tmp_path / "none") == ""
    for place, parts in enumerate((("1", "Data", "48K"), ("3", "Unified", "32768K"), ("4", "Unified", ""))):
        level = tmp_path / f"sys/devices/system/cpu/cpu0/cache/index{place}"
        level.mkdir(parents=True)
        for name, text in zip(("level", "type", "size"), parts, strict=True):
            (level / name).write_text(f"{text}\n")
    assert module._caches(tmp_path) == "L1 data 48K, L3 unified 32768K"


@pytest.mark.parametrize(
    ("lscpu", "xen", "flags", "name"),
    [
        ("Vendor ID:  AuthenticAMD\nHypervisor vendor:     KVM\n", "", "sse hypervisor", "KVM"),
        ("", "xen\n", "sse hypervisor", "xen"),
        ("", "", "sse hypervisor", "unnamed"),
        ("Vendor ID:  AuthenticAMD\n", "", "sse", ""),
    ],
    ids=["lscpu", "xen", "no lscpu", "a machine of its own"],
)
def test_the_hypervisor_has_a_name(
    fresh: object, monkeypatch: pytest.MonkeyPatch, lscpu: str, xen: str, flags: str, name: str
) -> None:
    monkeypatch.setattr(module, "_output", lambda *command: lscpu)
    monkeypatch.setattr(module, "_read", lambda path: xen if path.name == "type" else f"flags : {flags}\n")
    assert module._hypervisor() == name


def test_versions_are_those_of_imported_libraries_only() -> None:
    program = """
import sys
import numpy
from pytest_speedacc.measure.environment import library_versions
print(sorted(set(library_versions()) - {"pytest-speedacc"}), "sklearn" in sys.modules)
"""
    assert run_python(program) == "['numpy', 'python'] False\n"


def test_versions_are_named_as_they_are_installed() -> None:
    sklearn = pytest.importorskip("sklearn")
    assert library_versions()["scikit-learn"] == sklearn.__version__
    assert library_versions([]).keys() <= {"python", "pytest-speedacc"}
    assert library_versions(["msgspec"])["msgspec"] == msgspec.__version__
