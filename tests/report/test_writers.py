"""Where a report is to be written is tried before the first test."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.report.writers import report_path


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write to")
@pytest.mark.parametrize("path", ["/proc/x.json", "/proc/deep/er/x.json"])
def test_a_folder_that_takes_no_file_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=f"--speedacc-report: {path} cannot be written: "):
        report_path(path)


def test_trying_leaves_nothing_behind_and_what_is_there_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("before")
    assert report_path(str(path)) == path
    assert report_path(str(tmp_path / "new" / "y.json")) == tmp_path / "new" / "y.json"
    assert [each.name for each in tmp_path.iterdir()] == ["x.json"]
    assert path.read_text() == "before"
