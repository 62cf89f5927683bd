"""Install the built wheel, and lay out the sdist's tests in this folder, where no package lies beside them.

``python from_dist.py DIST`` takes both in that folder. What is imported here afterwards is the wheel's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path


def main(dist: Path) -> None:
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(Path.cwd(), filter="data")
    unpacked = Path(sdist.name.removesuffix(".tar.gz"))
    shutil.rmtree(unpacked / "pytest_speedacc")
    for each in unpacked.iterdir():
        each.rename(each.name)
    unpacked.rmdir()
    asked = ["--quiet", "--no-compile", "--constraint", "constraints.txt", f"{wheel}[lightgbm,sklearn]"]
    subprocess.run([sys.executable, "-m", "pip", "install", *asked], check=True)
    where = subprocess.check_output(
        [sys.executable, "-c", "import pytest_speedacc; print(pytest_speedacc.__file__)"], text=True
    ).strip()
    if Path(sys.prefix) not in Path(where).parents:
        sys.exit(f"pytest_speedacc comes from {where}, and not from the wheel")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
