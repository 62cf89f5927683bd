"""A library in several versions, as wheels in a folder, which uv installs without any network."""

from __future__ import annotations

import sysconfig
import zipfile
from pathlib import Path

OUTER = f"import site; site.addsitedir({sysconfig.get_paths()['purelib']!r})\n"
"""What lets an environment import the packages of this one as well, which may themselves be editable."""


def tiny_wheel(folder: Path, version: str, work: int = 0, *, name: str = "tiny", requires: str = "") -> Path:
    """``tiny``, which says by ``WORK`` how slow it is; or another of that name."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}/__init__.py": f"WORK = {work}\n",
        f"{name}_outer.pth": OUTER,
        f"{info}/METADATA": metadata + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD")))
    return path


def offline(wheels: Path, scratch: Path) -> dict[str, str]:
    """Variables with which uv takes packages from ``wheels`` alone, and everything is kept in ``scratch``."""
    return {
        "UV_FIND_LINKS": str(wheels),
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(scratch / "uv"),
        "UV_COMPILE_BYTECODE": "0",
        "XDG_CACHE_HOME": str(scratch / "cache"),
    }
