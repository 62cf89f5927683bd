"""The pictures of the documentation: what the script makes is what pages show, and it stays small."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("markdown_it")
Image = pytest.importorskip("PIL.Image")

DOCS = Path(__file__).parents[1] / "docs"
SHOWN = sorted((DOCS / "pictures").glob("*.png"))
KINDS = ("summary", "terminal-80", "terminal-200", "page-light", "page-dark", "page-phone")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "pictures.py"))


def test_what_is_made_is_shown_and_small(script: dict[str, Any]) -> None:
    named = re.findall(r"\]\(pictures/([\w-]+)\.png\)", (DOCS / "reports.md").read_text("utf-8"))
    assert sorted(named) == [path.stem for path in SHOWN]
    assert set(named) <= {f"{kind}-{run}" for kind in KINDS for run in script["CHANGES"]}
    # Each way to look at it, and each run.
    assert {name.rpartition("-")[0] for name in named} == set(KINDS)
    assert {name.rpartition("-")[2] for name in named} == set(script["CHANGES"])
    sizes = [path.stat().st_size for path in SHOWN]
    assert max(sizes) <= script["MOST_BYTES"]
    assert sum(sizes) <= 600_000


def test_a_log_is_text_without_the_commands_of_the_host(script: dict[str, Any]) -> None:
    page = script["terminal"]("one <b>\n::error file=x.py::failed\ntwo", 80)
    assert "one &lt;b&gt;\ntwo</pre>" in page


def test_a_summary_has_its_table_and_its_signs(script: dict[str, Any]) -> None:
    page = script["job_summary"](
        "### ❌ 1 of 1\n\n| gate |\n|---|\n| `x` |\n\n<details><summary>all</summary>\n</details>\n"
    )
    assert "<td><code>x</code></td>" in page
    assert "<details>" in page
    assert "❌" not in page


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no browser to show it in")
@pytest.mark.parametrize(("dark", "colour"), [(False, (255, 255, 255)), (True, (0, 0, 0))])
def test_a_picture_is_as_wide_as_it_is_asked_for_and_in_its_theme(
    script: dict[str, Any], tmp_path: Path, dark: bool, colour: tuple[int, int, int]
) -> None:
    style = "body { background: #fff; color: #888 } @media (prefers-color-scheme: dark) { body { background: #000 } }"
    script["picture"](f"<!doctype html><style>{style}</style><p>text", tmp_path / "x.png", width=390, dark=dark)
    shot = Image.open(tmp_path / "x.png").convert("RGB")
    assert shot.width == 390
    assert shot.height < 200
    assert shot.getpixel((389, 5)) == colour
