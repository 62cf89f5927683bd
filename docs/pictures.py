"""Make the pictures of the documentation: three real live runs, rendered as people see them.

``python docs/pictures.py FOLDER`` writes them to FOLDER, in about ten minutes; without it, those that pages show are
renewed. It needs git, a headless Chromium, and the test dependencies of this repository. What a run finds depends on
the machine and its moment: look at the pictures before you commit them.
"""

from __future__ import annotations

import argparse
import html
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt
from PIL import Image, ImageChops

DOCS = Path(__file__).parent
SHOWN = DOCS / "pictures"
MOST_BYTES = 100_000
"""Of a picture that is committed."""

FEATURES = '''
"""What every model is given."""
import numpy as np


def normalise(batch):
    """Pixels from 0 to 1."""
    return np.asarray(batch, dtype=np.float32) / 16
'''
SLOWER_FEATURES = '''
"""What every model is given."""
import numpy as np


def normalise(batch):
    """Pixels from 0 to 1, and nothing beyond."""
    return np.array([clipped(row) for row in batch], dtype=np.float32)


def clipped(row):
    return [min(max(pixel / 16, 0.0), 1.0) for pixel in row.tolist()]
'''
TESTS = """
import pytest
from features import normalise
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler


def trained(model, dataset):
    inputs, targets = dataset(return_X_y=True)
    parts = train_test_split(inputs, targets, test_size=1 / 3, random_state=0)
    return model.fit(parts[0], parts[2]), parts[1], parts[3]


def test_digits(speedacc):
    model = make_pipeline(FunctionTransformer(normalise), LogisticRegression(C={C}, max_iter=2000))
    speedacc.check(*trained(model, load_digits), batch_size=32)


def test_tumours(speedacc):
    model = RandomForestClassifier({trees}, random_state=0)
    speedacc.check(*trained(model, load_breast_cancer), batch_size=32)


{marker}
def test_wine(speedacc):
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(7))
    speedacc.check(*trained(model, load_wine), batch_size=32)
"""
SETTINGS = """
[tool.pytest.ini_options]
testpaths = ["test_models.py"]
pythonpath = ["."]

[tool.speedacc.tests."test_models.py*"]
min_accuracy = 0.9
max_accuracy_drop = "0.5 pp"
max_model_size_increase = "5 %"
{slower}

[tool.speedacc.live]
launches = {launches}
"""
PAST = (
    ("Add gates for three models", "0.05", 6, "first models"),
    ("Regularise digits less", "0.1", 6, "1.2 pp more"),
    ("More trees for tumours", "0.1", 14, "steadier on small tumours"),
    ("Retrain digits on the scans of May", "0.3", 10, "scans of May"),
)
"""Commits that wrote baselines: subject, C of the digits, trees of the tumours, reason."""


class Repository:
    """A scratch repository with three scikit-learn models, whose base is its last commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, **variables: str) -> None:
        who = ("-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *arguments], cwd=self.folder, check=True, env={**os.environ, **variables})

    def write(
        self,
        *,
        C: str = "0.3",
        trees: int = 10,
        features: str = FEATURES,
        slower: str = "25 %",
        wine: str = "25 %",
        launches: int = 8,
    ) -> None:
        """The project as one of its commits has it."""
        marker = f'@pytest.mark.speedacc(max_latency_increase="{wine}")' if wine else ""
        tests = TESTS.replace("{C}", C).replace("{trees}", str(trees)).replace("{marker}", marker)
        tolerance = f'max_latency_increase = "{slower}"' if slower else ""
        settings = SETTINGS.replace("{slower}", tolerance).replace("{launches}", str(launches))
        files = {"features.py": features, "test_models.py": tests, "pyproject.toml": settings}
        for name, text in {**files, ".gitignore": "__pycache__/\n.pytest_cache/\nout/\n"}.items():
            (self.folder / name).write_text(text.lstrip(), "utf-8")

    def commit(self, subject: str, day: int) -> None:
        self.git("add", "--all")
        date = f"2026-{4 + day // 2:02}-{3 + 11 * (day % 2):02}T12:00:00"
        self.git("commit", "--quiet", "-m", subject, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)

    def run(self, *options: str, columns: int = 80, **variables: str) -> str:
        """What a run of pytest prints where CI is set."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GITHUB_"))}
        plugins = ("-p", "speedacc", "-p", "benchmark")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plugins, *options],
            cwd=self.folder,
            env={**kept, "CI": "true", "COLUMNS": str(columns), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout


def start(folder: Path) -> Repository:
    """The repository with its past, which its base ends."""
    repository = Repository(folder)
    for day, (subject, regularity, trees, reason) in enumerate(PAST):
        # Of no speed: that takes five processes a gate, and the live runs compare it.
        repository.write(C=regularity, trees=trees, slower="", wine="")
        told = repository.run("--speedacc-update", f"--speedacc-reason={reason}", "--speedacc-budget=1")
        assert " failed" not in told.splitlines()[-1], told
        repository.commit(subject, day)
    repository.write()
    repository.commit("Hold the models to their speed", len(PAST))
    return repository


def fail(repository: Repository) -> None:
    """Pixels are clipped one by one in Python, and a tolerance is raised."""
    repository.write(features=SLOWER_FEATURES, wine="40 %")


def succeed(repository: Repository) -> None:
    """A smaller forest, and digits that are better regularised."""
    repository.write(C="1", trees=7)


def leave_open(repository: Repository) -> None:
    """The digits a little larger, and a tolerance that eight launches cannot show to be kept."""
    repository.write(C="0.31", slower="0.3 %", wine="40 %")


_HEAD = "<!doctype html><meta charset=utf-8>"
_TERMINAL = """
body { margin: 0; background: #0d1117; color: #e6edf3 }
pre { margin: 20px; font: 11.6px/1.35 'DejaVu Sans Mono', monospace; white-space: pre-wrap; word-break: break-all }
"""
_SIGNS = {"✅": ("✔", "#1a7f37"), "❌": ("✘", "#d1242f"), "⚠️": ("⚠", "#9a6700"), "🚫": ("⊘", "#d1242f")}
_SUMMARY = """
body { font: 14px/1.5 system-ui, sans-serif; color: #1f2328; margin: 0; padding: 24px }
h3 { font-size: 1.25em; margin: 0 0 8px }
table { border-collapse: collapse; margin: 12px 0; display: block; overflow: auto }
td, th { border: 1px solid #d1d9e0; padding: 6px 13px }
code { background: #818b981f; border-radius: 6px; font-size: 85%; padding: .2em .4em }
pre { background: #f6f8fa; border-radius: 6px; padding: 16px; overflow: auto }
pre code { background: none; padding: 0 }
p, ul { margin: 8px 0 }
"""

CHANGES = {"failed": fail, "passed": succeed, "inconclusive": leave_open}


def pictures(folder: Path, only: str | None) -> None:
    """Make every picture of every run in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        repository = start(Path(scratch, "models"))
        for name, change in CHANGES.items():
            if only in (None, name):
                repository.git("checkout", "--quiet", "-b", name, "main")
                change(repository)
                repository.commit((change.__doc__ or "").strip(), len(PAST) + 1)
                run(repository, name, folder)


def run(repository: Repository, name: str, folder: Path) -> None:
    """Run the gates of a change beside their base, and render what is seen of it."""
    out = repository.folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    reports = [f"--speedacc-report=out/report.{suffix}" for suffix in ("html", "json")]
    host = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(out / "summary.md")}
    for columns in (80, 200):
        log = repository.run("--speedacc-against=main", *(reports if columns == 80 else ()), columns=columns, **host)
        (folder / f"terminal-{columns}-{name}.txt").write_text(log, "utf-8")
        if columns == 80:
            for made in ("summary.md", "report.html", "report.json"):
                shutil.copy(out / made, folder / f"{name}-{made}")
    render(name, folder)


def render(name: str, folder: Path) -> None:
    """The pictures of the logs, the summary and the page that a run left in ``folder``."""
    for columns in (80, 200):
        log = (folder / f"terminal-{columns}-{name}.txt").read_text("utf-8")
        picture(terminal(log, columns), folder / f"terminal-{columns}-{name}.png", width=columns * 7 + 40)
    summary = (folder / f"{name}-summary.md").read_text("utf-8")
    page = (folder / f"{name}-report.html").read_text("utf-8")
    picture(job_summary(summary), folder / f"summary-{name}.png", width=1012)
    picture(page, folder / f"page-light-{name}.png", width=1100)
    picture(page, folder / f"page-dark-{name}.png", width=1100, dark=True)
    picture(page, folder / f"page-phone-{name}.png", width=390)


def terminal(log: str, columns: int) -> str:
    """A log as a terminal shows it, less the workflow commands, which the host takes out."""
    text = "\n".join(line for line in log.splitlines() if not line.startswith("::"))
    return f"{_HEAD}<style>{_TERMINAL}</style><pre style='width:{columns}.5ch'>{html.escape(text)}</pre>"


def job_summary(text: str) -> str:
    """Markdown about as the host shows it."""
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    # Drawn alike everywhere, also where no font has the signs in colour.
    for sign, (drawn, colour) in _SIGNS.items():
        body = body.replace(sign, f"<b style='color:{colour}'>{drawn}</b>")
    return f"{_HEAD}<style>{_SUMMARY}</style>{body}"


def picture(page: str, path: Path, *, width: int, dark: bool = False, most: int = 1500) -> None:
    """What a browser shows of a page in a window of this width, less what is empty below it."""
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if browser is None:
        sys.exit("There is no Chromium on PATH, which makes the pictures.")
    with tempfile.TemporaryDirectory() as scratch:
        inner, outer = Path(scratch, "inner.html"), Path(scratch, "outer.html")
        inner.write_text(page, "utf-8")
        # In a frame: a window is never as narrow as a phone.
        frame = f"<iframe src=inner.html style='border:0;width:{width}px;height:{most}px'></iframe>"
        outer.write_text(f"<!doctype html><style>body{{margin:0}}</style>{frame}", "utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        theme = ["--blink-settings=preferredColorScheme=0"] if dark else ["--blink-settings=preferredColorScheme=1"]
        size = [f"--window-size={max(width, 500)},{most}", f"--screenshot={path}"]
        subprocess.run([*command, *theme, *size, outer.as_uri()], check=True, capture_output=True, timeout=120)
    shot = Image.open(path).convert("RGB").crop((0, 0, width, most))
    empty = Image.new("RGB", shot.size, shot.getpixel((0, most - 1)))
    box = ImageChops.difference(shot, empty).getbbox()
    shot = shot.crop((0, 0, width, min(most, box[3] + 20 if box else most)))
    # A palette that keeps the few strong colours among the many greys.
    shot.quantize(colors=64, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where all of them are written")
    parser.add_argument("--only", choices=CHANGES, help="one of the runs")
    parser.add_argument("--render", action="store_true", help="make pictures of what FOLDER has, without a run")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    if given.render:
        for name in CHANGES:
            if (folder / f"{name}-report.html").exists():
                render(name, folder)
    else:
        pictures(folder, given.only)
    for shown in SHOWN.glob("*.png"):
        if given.folder is None:
            shutil.copy(folder / shown.name, shown)
            assert shown.stat().st_size <= MOST_BYTES, f"{shown.name} is larger than {MOST_BYTES} bytes"


if __name__ == "__main__":
    main()
