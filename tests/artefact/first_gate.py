"""Go the README's way with the wheel, from an empty environment to the first red pull request, by the clock.

``python tests/artefact/first_gate.py DIST`` takes the wheel in that folder, and the test and the command of the README
beside it. It exits with what did not go as it should.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
FORMER = "speedacc.check(model, test_images, test_labels)"
SLOWER = """speedacc.check(clipping(model), test_images, test_labels)


def clipping(model):
    def predict(images):
        return model.predict([[min(pixel, 15.9) for pixel in image] for image in images])

    return predict"""


class Project:
    """A repository with one gate, worked on by somebody who has Python and git."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self._python = python
        self._began = time.monotonic()

    def run(self, *words: str, code: int = 0, says: str = "") -> None:
        """Run a command. Exits where it ends with another code, or without these words."""
        command = [str(self._python), "-m", *words[2:]] if words[:2] == ("python", "-m") else list(words)
        environment = os.environ | {"COLUMNS": "80", "CI": "true"}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        said = " ".join((done.stdout + done.stderr).split())
        if done.returncode != code or says not in said:
            sys.exit(f"{' '.join(words)}: exit code {done.returncode}, not {code}, or without {says!r}:\n{done.stdout}")

    def tell(self, what: str) -> None:
        """Say how long it took from the start until now."""
        print(f"{time.monotonic() - self._began:.0f} s: {what}", flush=True)


def main(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    readme = README.read_text("utf-8")
    gate = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    command = re.search(r"- run: (python -m pytest \S+ --speedacc-against=auto)", readme)
    assert gate is not None, "the README has no first gate"
    assert command is not None, "the README does not say what each pull request runs"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "project")
        (folder / "tests").mkdir(parents=True)
        python = Path(scratch, "venv", "Scripts" if sys.platform == "win32" else "bin", "python")
        project = Project(folder, python)
        venv.create(python.parents[1], with_pip=True)
        project.run("python", "-m", "pip", "install", "--quiet", f"{wheel.resolve()}[sklearn]")
        project.tell("installed, with scikit-learn")
        test = folder / "tests" / "test_digits.py"
        test.write_text(gate[1], "utf-8")
        project.run("python", "-m", "pytest", "--speedacc-update", "--speedacc-reason=first model", says="1 passed")
        project.tell("the first verdict")
        project.run("python", "-m", "pytest", says="1 passed")
        project.run("git", "init", "--quiet", "--initial-branch=main")
        for setting in ("user.name=Somebody", "user.email=somebody@example.com"):
            project.run("git", "config", *setting.split("="))
        project.run("git", "add", "tests", "speedacc-baselines")
        project.run("git", "commit", "--quiet", "--message=Gate the digits")
        project.run("git", "checkout", "--quiet", "-b", "change")
        assert FORMER in gate[1]
        test.write_text(gate[1].replace(FORMER, SLOWER), "utf-8")
        project.run("git", "commit", "--quiet", "--all", "--message=Clip pixels that are too bright")
        against = command[1].replace("=auto", "=main").split()
        project.run(*against, code=1, says="speedacc failed: latency median +")
        project.tell("the first red pull request")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
