"""Hold what was built against what is released, and write its bill of materials beside it.

``python tests/artefact/release.py DIST``, from the repository's root: the names, the changelog and, where a tag is
released, the tag have one version. The bill lists what pip installs with the wheel, in CycloneDX's form.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Mapping
from pathlib import Path


def problems(root: Path, names: set[str], environment: Mapping[str, str]) -> list[str]:
    """What does not fit the version of ``pyproject.toml``, a sentence each; ``names`` are those of the files built."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    changelog = (root / "CHANGELOG.md").read_text("utf-8")
    found = []
    wanted = {f"pytest_speedacc-{version}-py3-none-any.whl", f"pytest_speedacc-{version}.tar.gz"}
    if names != wanted:
        found.append(f"built were {sorted(names)}, and version {version} has {sorted(wanted)}")
    if not re.search(rf"(?m)^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog):
        found.append(f"CHANGELOG.md has no section [{version}] with a date")
    tag = environment.get("GITHUB_REF_NAME") if environment.get("GITHUB_REF_TYPE") == "tag" else None
    if tag not in (None, f"v{version}"):
        found.append(f"the tag is {tag}, and the version {version}")
    return found


def write_bill(dist: Path) -> Path:
    """What an environment holds that has the wheel and nothing else."""
    (wheel,) = dist.glob("*.whl")
    bill = dist / f"{'-'.join(wheel.name.split('-')[:2])}.cdx.json"
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch)
        python = str(Path(scratch, "bin", "python"))
        subprocess.run(["uv", "pip", "install", "--quiet", "--python", python, str(wheel)], check=True)
        how = ["--pyproject", "pyproject.toml", "--mc-type", "library", "--output-reproducible"]
        subprocess.run(["cyclonedx-py", "environment", *how, "-o", str(bill), python], check=True)
    return bill


def main(dist: Path) -> None:
    names = {path.name for path in dist.iterdir() if path.suffix in (".whl", ".gz")}
    if found := problems(Path.cwd(), names, os.environ):
        sys.exit("\n".join(found))
    print(f"{write_bill(dist).name}: what comes with the wheel")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
