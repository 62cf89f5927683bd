"""Where a number was measured: what must agree before two times are compared, and what is worth knowing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import msgspec
from msgspec import UNSET, UnsetType

from pytest_speedacc.measure.this_process import allowed_cores
from pytest_speedacc.measure.threads import OF_ENVIRONMENT

DISTRIBUTIONS = {
    "numpy": "numpy",
    "scipy": "scipy",
    "pandas": "pandas",
    "polars": "polars",
    "sklearn": "scikit-learn",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "catboost": "catboost",
    "imblearn": "imbalanced-learn",
    "statsmodels": "statsmodels",
    "torch": "torch",
    "transformers": "transformers",
    "tensorflow": "tensorflow",
    "keras": "keras",
    "jax": "jax",
    "onnxruntime": "onnxruntime",
}
"""Modules that what a model does may depend on, and the names they are installed under."""
SECONDS = 10
"""For a command that tells something of the machine."""
FORMER_FIELDS = 8
"""Of an environment, in files from before a processor was told from another of the same name."""
IDENTITY = (
    *("vendor_id", "cpu family", "model", "stepping"),
    *("cpu implementer", "cpu architecture", "cpu variant", "cpu part", "cpu revision"),
)
"""What ``/proc/cpuinfo`` tells processors apart by: the first four on x86, the others on ARM."""


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The hardware, operating system, cores and threads that a time or a memory peak belongs to."""

    cpu: str
    """Model of the processor."""
    cpu_flags: str
    """Digest of its instruction sets; empty where the system does not list them."""
    accelerator: str
    """Name of the device that the model is on; empty for the processor."""
    system: str
    """Operating system and its version."""
    machine: str
    """Architecture, such as ``x86_64``."""
    cores: float
    """Cores this process may use, by affinity and container quota; 1.5 means one and a half."""
    threads: int
    """The smallest number of threads among the loaded thread pools (BLAS, OpenMP)."""
    thread_variables: str
    """Environment variables that limit threads, as ``NAME=value``."""
    processor: str | UnsetType = UNSET
    """Its vendor, family, model and stepping, since a cloud gives one name to many; files from before this lack it, and
    the two fields below."""
    caches: str | UnsetType = UNSET
    """Of the first core: the size of each level, as far as the system tells."""
    hypervisor: str | UnsetType = UNSET
    """Name of what the machine is a guest of; empty for a machine of its own, or where nothing tells."""

    @classmethod
    def current(cls, accelerator: str = "") -> Environment:
        """This process now, for a model on the device named ``accelerator``."""
        cores = usable_cores()
        return cls(
            cpu=_cpu(),
            cpu_flags=_cpu_flags(),
            accelerator=accelerator,
            system=_system(),
            machine=platform.machine(),
            cores=cores,
            threads=_threads(cores),
            thread_variables=" ".join(f"{name}={os.environ[name]}" for name in OF_ENVIRONMENT if name in os.environ),
            processor=_identity(),
            caches=_caches(Path("/")),
            hypervisor=_hypervisor(),
        )

    @property
    def key(self) -> str:
        """12 hexadecimal digits, equal for two environments whose times may be compared."""
        return self.former_key if self.processor is UNSET else _digest(repr(msgspec.structs.astuple(self)))

    @property
    def former_key(self) -> str:
        """The key in files from before processors of one name were told apart."""
        return _digest(repr(msgspec.structs.astuple(self)[:FORMER_FIELDS]))

    def describe(self) -> str:
        """One line for a report."""
        cores = "1 core" if self.cores == 1 else f"{self.cores:g} cores"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        if self.thread_variables:
            threads += f" ({self.thread_variables})"
        parts = (self.cpu, self.accelerator, cores, threads, f"{self.system} {self.machine}")
        return ", ".join(part for part in parts if part)

    def unlike(self, other: Environment) -> str:
        """What tells this one from ``other``, where ``describe`` says the same of both; empty where it does not."""
        if self.describe() != other.describe():
            return ""
        if self.processor is UNSET:
            return "from a version that knew processors by their name alone"
        names = {"cpu_flags": "instruction sets", "processor": "processor", "caches": "caches", "hypervisor": "host"}
        values = [
            f"{said} {getattr(self, name) or 'unknown'}, here {getattr(other, name) or 'unknown'}"
            for name, said in names.items()
            if getattr(self, name) != getattr(other, name)
        ]
        return "; ".join(values)


def library_versions(modules: Iterable[str] = DISTRIBUTIONS) -> dict[str, str]:
    """Versions by distribution: Python, this plugin, and those of ``modules`` that are imported already."""
    versions = {"python": platform.python_version()}
    with contextlib.suppress(metadata.PackageNotFoundError):
        versions["pytest-speedacc"] = _installed("pytest-speedacc")
    for name in modules:
        if name in sys.modules:
            # The module's own word comes first: a variant such as xgboost-cpu goes by another name.
            version = getattr(sys.modules[name], "__version__", None)
            distribution = DISTRIBUTIONS.get(name, name)
            with contextlib.suppress(metadata.PackageNotFoundError):
                versions[distribution] = str(version) if version else _installed(distribution)
    return versions


def _output(*command: str) -> str:
    """What a command prints; empty when it is missing, fails or hangs."""
    quiet = os.environ | {"LC_ALL": "C"}
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, env=quiet, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


@cache
def _installed(distribution: str) -> str:
    return metadata.version(distribution)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@cache
def _cpuinfo() -> dict[str, str]:
    """The first processor's entries in ``/proc/cpuinfo``; empty where there is none."""
    first = _read(Path("/proc/cpuinfo")).split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip().lower(): value.strip() for name, value in pairs}


@cache
def _cpu() -> str:
    entries = _cpuinfo()
    if "model name" in entries:
        return entries["model name"]
    if "cpu part" in entries:  # ARM names neither maker nor model
        return f"implementer {entries.get('cpu implementer', '?')} part {entries['cpu part']}"
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    return platform.processor() or "unknown processor"


@cache
def _cpu_flags() -> str:
    entries = _cpuinfo()
    flags = sorted((entries.get("flags") or entries.get("features") or "").split())
    return _digest(" ".join(flags)) if flags else ""


@cache
def _identity() -> str:
    entries = _cpuinfo()
    # Elsewhere the name says it all: "Apple M1", "Intel64 Family 6 Model 142 Stepping 10, GenuineIntel".
    return ", ".join(f"{name} {entries[name]}" for name in IDENTITY if name in entries)


@cache
def _caches(root: Path) -> str:
    levels = sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index[0-9]*"))
    described = [[_read(level / part).strip() for part in ("level", "type", "size")] for level in levels]
    return ", ".join(f"L{number} {kind.lower()} {size}" for number, kind, size in described if size)


@cache
def _hypervisor() -> str:
    # Only an instruction tells its name, which lscpu can carry out and Python cannot.
    said = [line.partition(":")[2].strip() for line in _output("lscpu").splitlines() if "Hypervisor vendor" in line]
    if name := "".join(said) or _read(Path("/sys/hypervisor/type")).strip():
        return name
    return "unnamed" if "hypervisor" in _cpuinfo().get("flags", "").split() else ""


@cache
def _system() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return f"{platform.system()} {platform.release()}"
    # Not the kernel's release, which changes every few weeks.
    return f"{release.get('NAME', 'Linux')} {release.get('VERSION_ID', '')}".strip()


def usable_cores() -> float:
    """Cores that this process may use, by affinity and container quota."""
    allowed = len(allowed_cores()) or os.cpu_count() or 1
    return min(float(allowed), _quota(Path("/")))


def control_groups(root: Path) -> Iterator[Path]:
    """The folders of the control groups, of version 1 or 2, whose limits on processors hold for this process."""
    groups = root / "sys/fs/cgroup"
    paths = [line.split(":", 2)[2] for line in _read(root / "proc/self/cgroup").splitlines() if line.count(":") > 1]
    # Inside a container the paths are the host's and are not there: its own group is then the top one.
    for path in {"", *paths}:
        here = Path(path.strip("/"))
        for part in (here, *here.parents):
            yield groups / part
            yield groups / "cpu" / part


def _quota(root: Path) -> float:
    """Cores that control groups leave to this process; infinite without a limit."""
    limits = [float("inf")]
    for group in control_groups(root):
        limits.append(_share(_read(group / "cpu.max")))
        quota, period = (_read(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
        limits.append(_share(f"{quota} {period}"))
    return min(limits)


def _share(text: str) -> float:
    """Quota over period; infinite for "max", -1 or nothing."""
    quota, _, period = text.strip().partition(" ")
    if not quota.isdecimal() or not period.isdecimal() or not int(quota) * int(period):
        return float("inf")
    return round(int(quota) / int(period), 2)


def _threads(cores: float) -> int:
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    # The smallest, since a library that is loaded later brings a pool of the usual size with it.
    return min((pool["num_threads"] for pool in threadpool_info()), default=max(1, int(cores)))
