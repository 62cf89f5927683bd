"""A base that misses a file which git does not have: the problem says how to lend it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from live_project import start_project
from scratch_repository import Repository, start_repository

from pytest_speedacc.measure.launches import LiveGate, LiveRun
from pytest_speedacc.session.unshared import with_share

RUN = LiveRun({}, (), "", (), (), {}, (), "", 1.0)
SHARE = '. Git does not have it: share = ["{}"] in [tool.speedacc.live] lends it to the base'


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One whose weights are ignored, and whose code is not; its base lies beside it."""
    found = start_repository(tmp_path / "own")
    found.commit("start", _gitignore="weights/\ndata/raw/\n", data__train_csv="1", code_py="1")
    (found.path / ".gitignore").write_text("weights/\ndata/raw/\n")
    found.write(weights__deep__m_pkl="1", data__raw__one_csv="1", sub__only_bin="1")
    (tmp_path / "base").mkdir()
    return found


@pytest.mark.parametrize(
    ("problem", "entry"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: '{base}/weights/deep/m.pkl'", "weights"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'weights/deep/m.pkl'", "weights"),
        ('OSError: cannot open "data/raw/one.csv" for reading', "data/raw"),
        ("OSError: 'sub/only.bin'", "sub"),
        ("the base's own gate comes to nothing: OSError: 'weights/deep/m.pkl'", "weights"),
        ("FileNotFoundError: 'data/train.csv'", ""),  # git has it
        ("FileNotFoundError: 'nowhere.csv'", ""),  # this checkout does not
        ("FileNotFoundError: '/'", ""),
        ("KeyError: 'weights'", "weights"),  # a folder of that name is missing there
        ("ZeroDivisionError: division by zero", ""),
        ("", ""),
    ],
)
def test_a_file_that_only_this_checkout_has_is_named(repository: Repository, problem: str, entry: str) -> None:
    own, other = repository.path, repository.path.parent / "base"
    told = problem.format(base=other)
    run = replace(RUN, gates={("t", ""): LiveGate((), None, None, None, told)})
    (gate,) = with_share(run, own, own, other, own).gates.values()
    assert gate.problem == (told + SHARE.format(entry) if entry else told)


def test_what_is_shared_is_looked_for_from_the_project_and_not_from_the_repository(repository: Repository) -> None:
    repository.write(sub__weights__m_pkl="1")
    (repository.path / "sub" / "code.py").write_text("1")
    repository.git("add", "sub/code.py")
    own, other = repository.path, repository.path.parent / "base"
    run = replace(RUN, gates={("t", ""): LiveGate((), None, None, None, "OSError: 'weights/m.pkl'")})
    (gate,) = with_share(run, own / "sub", own, other, own / "sub").gates.values()
    assert gate.problem.endswith(SHARE.format("weights"))
    # What lies above the project cannot be shared.
    run = replace(RUN, gates={("t", ""): LiveGate((), None, None, None, "OSError: '../weights/deep/m.pkl'")})
    (gate,) = with_share(run, own / "sub", own, other, own / "sub").gates.values()
    assert "share" not in gate.problem


@pytest.mark.slow
def test_a_live_run_says_it(tmp_path: Path) -> None:
    project = start_project(tmp_path)
    project.settings('budget = "0.1 s"')
    gate = """
from pathlib import Path
import pytest
from arrays import *

@pytest.mark.speedacc(max_latency_increase="60 %")
def test_it(speedacc):
    speedacc.check(Model(int((Path(__file__).parent / "weights" / "m.txt").read_text())), x, y)
"""
    project.commit(test_it_py=gate)
    (project.repository.path / ".git" / "info" / "exclude").write_text("weights/\n")
    (project.repository.path / "weights").mkdir()
    (project.repository.path / "weights" / "m.txt").write_text("200")
    run = project.run("--speedacc-against=HEAD~0", "--speedacc-not-compared=fail", COLUMNS="200")
    assert SHARE.format("weights") in " ".join(run.output.split()), run.output
