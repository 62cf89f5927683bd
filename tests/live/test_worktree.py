"""The base's files: complete, outside the repository, and gone afterwards, whatever happens."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from scratch_repository import Repository, start_repository

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree import worktree
from pytest_speedacc.live.tree.base import resolve_base
from pytest_speedacc.live.tree.worktree import BaseTree, base_worktree, set_up

TIMEOUT = 60.0


def everything(folder: Path) -> dict[str, str]:
    """Every file below a folder and its content."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def prepare(path: Path, ref: str, share: Sequence[str], setup: str, timeout: float) -> None:
    base = resolve_base(path, ref)
    with base_worktree(path, base, share=share) as tree:
        if setup:
            set_up(setup, timeout, path, base, tree)


def refusal(
    repository: Repository,
    ref: str = "main",
    root: str = ".",
    *,
    share: Sequence[str] = (),
    setup: str = "",
    timeout: float = TIMEOUT,
) -> str:
    """What is said of a base that cannot be used; nothing may be left of it."""
    path = repository.path / root
    with pytest.raises(ConfigError) as error:
        prepare(path, ref, share, setup, timeout)
    assert repository.worktrees() == []
    return str(error.value)


def leftovers(scratch: Path) -> list[Path]:
    return [path for path in scratch.iterdir() if path.is_dir()]


def test_the_base_lies_outside_and_is_removed(repository: Repository, scratch: Path) -> None:
    base = resolve_base(repository.path, "main")
    repository.write(model_py="SPEED = 99\n")
    before = everything(repository.path)
    with base_worktree(repository.path, base) as tree:
        assert (tree.path / "model.py").read_text() == "SPEED = 2\n"
        assert (tree.path.name, tree.sha, tree.shared) == (repository.path.name, base.sha, ())
        assert tree.path.is_relative_to(scratch)
        assert len(repository.worktrees()) == 1
    assert leftovers(scratch) == []
    assert everything(repository.path) == before


def test_a_folder_of_the_repository_keeps_its_place(repository: Repository) -> None:
    repository.commit("four", service__model_py="SPEED = 4\n")
    repository.commit("five", service__model_py="SPEED = 5\n")
    root = repository.path / "service"
    with base_worktree(root, resolve_base(root, "HEAD~1")) as tree:
        assert tree.path == tree.top / "service"
        assert (tree.path / "model.py").read_text() == "SPEED = 4\n"


def test_a_folder_that_the_base_does_not_have(repository: Repository) -> None:
    repository.commit("four", service__model_py="")
    message = refusal(repository, root="service")
    assert message.endswith(
        " two has no folder service, so its gates cannot be run from there: run pytest from the root of the "
        "repository, or compare with a later revision."
    )


def test_removed_after_an_error(repository: Repository, scratch: Path) -> None:
    setup = "mkdir closed && touch closed/file && chmod 500 closed && rm .git"
    with pytest.raises(ConfigError):
        prepare(repository.path, "main", (), f"{setup} && exit 1", TIMEOUT)
    assert (leftovers(scratch), repository.worktrees()) == ([], [])


def test_hooks_and_filters_of_the_user_are_not_run(repository: Repository, scratch: Path) -> None:
    hook = repository.path / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch '{scratch}/hooked'\n")
    hook.chmod(0o755)
    repository.git("switch", "--quiet", "main")
    assert (scratch / "hooked").exists()
    (scratch / "hooked").unlink()
    with base_worktree(repository.path, resolve_base(repository.path, "feature")):
        assert not (scratch / "hooked").exists()


RUN = """
import sys
from collections.abc import Sequence
from pathlib import Path
from pytest_speedacc.live.tree.base import resolve_base
from pytest_speedacc.live.tree.worktree import base_worktree

root = Path(sys.argv[1])
with base_worktree(root, resolve_base(root, "main")) as tree:
    print(tree.path, flush=True)
    sys.stdin.read()
"""


def start_run(repository: Repository) -> tuple[subprocess.Popen[str], Path]:
    """Another run that holds a base until its input ends, and where that base is."""
    command = [sys.executable, "-c", RUN, str(repository.path)]
    run = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    )
    assert run.stdout is not None
    return run, Path(run.stdout.readline().removesuffix("\n"))


def test_removed_after_ctrl_c(repository: Repository, scratch: Path) -> None:
    run, tree = start_run(repository)
    assert (tree / "model.py").exists()
    run.send_signal(signal.SIGINT)
    assert run.wait(60) != 0
    assert (leftovers(scratch), repository.worktrees()) == ([], [])


def test_swept_after_a_kill(repository: Repository, scratch: Path) -> None:
    killed, tree = start_run(repository)
    killed.kill()
    killed.wait(60)
    assert tree.exists()
    with base_worktree(repository.path, resolve_base(repository.path, "main")):
        assert not tree.exists()
        assert len(repository.worktrees()) == 1
    assert (leftovers(scratch), repository.worktrees()) == ([], [])


def test_a_swept_base_of_another_repository_is_forgotten_there(
    repository: Repository, scratch: Path, tmp_path: Path
) -> None:
    killed, _ = start_run(repository)
    killed.kill()
    killed.wait(60)
    other = start_repository(tmp_path / "other")
    other.commit("one")
    with base_worktree(other.path, resolve_base(other.path, "HEAD")):
        assert len(leftovers(scratch)) == 1
    assert len(repository.worktrees()) == 1
    with base_worktree(repository.path, resolve_base(repository.path, "main")):
        assert len(repository.worktrees()) == 1
    assert repository.worktrees() == []


def test_two_runs_at_once(repository: Repository, scratch: Path) -> None:
    run, theirs = start_run(repository)
    with base_worktree(repository.path, resolve_base(repository.path, "v1")) as ours:
        assert (theirs / "model.py").read_text() == "SPEED = 2\n"
        assert (ours.path / "model.py").read_text() == "SPEED = 1\n"
    assert (theirs / "model.py").exists()
    run.communicate("")
    assert run.returncode == 0
    assert (leftovers(scratch), repository.worktrees()) == ([], [])


def test_a_worktree_of_the_user_stays(repository: Repository, tmp_path: Path) -> None:
    repository.git("worktree", "add", "--quiet", str(tmp_path / "mine"), "main")
    (tmp_path / "mine").rename(tmp_path / "on a drive that is not mounted")
    with base_worktree(repository.path, resolve_base(repository.path, "main")):
        pass
    assert len(repository.worktrees()) == 1


def test_a_repository_that_cannot_be_written_to(repository: Repository) -> None:
    # Not by its mode, which does not stop the superuser that containers run as.
    (repository.path / ".git/worktrees").write_text("")
    message = refusal(repository)
    assert message.startswith(
        f"git cannot note a worktree in the repository {repository.path}, which must be writable for a "
        "comparison: allow this user to write to it, or run in a `git clone` of it. git says: fatal: "
    )


def test_temporary_files_in_the_repository(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(repository.path))
    assert refusal(repository) == (
        f"The folder for temporary files, {repository.path}, lies in the repository, where the base would be "
        "mistaken for the candidate: set TMPDIR to a folder outside it."
    )


def test_a_partial_clone_without_its_remote(repository: Repository, tmp_path: Path) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    partial = Repository(tmp_path / "partial")
    repository.git("clone", "--quiet", "--filter=blob:none", repository.path.as_uri(), str(partial.path))
    base = resolve_base(partial.path, "HEAD~1")
    repository.path.rename(tmp_path / "gone")
    with pytest.raises(ConfigError) as error, base_worktree(partial.path, base):
        pass
    assert str(error.value).startswith(
        f"This clone is partial and the files of the base {base.description} could not be fetched: "
        f"run `git fetch --refetch --no-filter origin {base.sha}`. git says: "
    )


class TestShare:
    @pytest.fixture
    def repository(self, repository: Repository) -> Repository:
        repository.commit("ignore", _gitignore="data/\nfolder/weights.bin\n", folder__tracked_txt="")
        repository.write(data__table_csv="1,2\n", folder__weights_bin="www")
        repository.git("branch", "--force", "main")
        return repository

    def shared(self, repository: Repository, *entries: str) -> BaseTree:
        base = resolve_base(repository.path, "main")
        with base_worktree(repository.path, base, share=entries) as tree:
            for entry in entries:
                assert (tree.path / entry).samefile(repository.path / entry)
        return tree

    def test_a_folder_and_a_file_are_linked_and_survive(self, repository: Repository) -> None:
        tree = self.shared(repository, "data/", "folder/weights.bin")
        assert [(entry.path, entry.by_content) for entry in tree.shared] == [
            ("data", True),
            ("folder/weights.bin", True),
        ]
        assert tree.shared[1].sha256 == hashlib.sha256(b"www").hexdigest()
        assert (repository.path / "data/table.csv").read_text() == "1,2\n"

    def test_another_content_or_name_is_another_hash(self, repository: Repository) -> None:
        (first,) = self.shared(repository, "data").shared
        (again,) = self.shared(repository, "data").shared
        repository.write(data__table_csv="1,3\n")
        (changed,) = self.shared(repository, "data").shared
        (repository.path / "data/table.csv").rename(repository.path / "data/other.csv")
        (renamed,) = self.shared(repository, "data").shared
        assert first == again
        assert len({first.sha256, changed.sha256, renamed.sha256}) == 3

    def test_large_data_is_known_by_its_times(self, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worktree, "HASHED_BYTES", 3)
        (first,) = self.shared(repository, "data").shared
        os.utime(repository.path / "data/table.csv", ns=(0, 0))
        (touched,) = self.shared(repository, "data").shared
        assert not first.by_content
        assert first.sha256 != touched.sha256

    @pytest.mark.parametrize("entry", ["", ".", "/etc", "../data", "data/../../data"])
    def test_no_way_out(self, repository: Repository, entry: str) -> None:
        assert refusal(repository, share=[entry]) == (
            f"[tool.speedacc.live] share = [{entry!r}] must be a path below {repository.path}, without '..'."
        )

    def test_what_does_not_exist(self, repository: Repository) -> None:
        assert refusal(repository, share=["dta"]) == (
            f"[tool.speedacc.live] share = ['dta']: {repository.path / 'dta'} does not exist, so there is "
            "nothing to share with the base."
        )

    @pytest.mark.parametrize(("entry", "tracked"), [("folder", "folder/tracked.txt"), ("model.py", "model.py")])
    def test_what_is_under_version_control(self, repository: Repository, entry: str, tracked: str) -> None:
        assert refusal(repository, share=[entry]) == (
            f"[tool.speedacc.live] share = [{entry!r}]: the base has its own {tracked}, under version "
            f"control: share only what is not, or remove it with `git rm --cached -r {entry}` in an earlier "
            "commit."
        )


class TestSetup:
    def test_runs_in_the_base_on_the_base(self, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", [str(repository.path), *sys.path])
        command = (
            f'cd / && "{sys.executable}" -c "import model; print(model.SPEED)" > "$OLDPWD/speed"; '
            'echo "$SPEEDACC_BASE_SHA $SPEEDACC_CANDIDATE_ROOT" > "$OLDPWD/facts"'
        )
        base = resolve_base(repository.path, "main")
        with base_worktree(repository.path, base) as tree:
            set_up(command, TIMEOUT, repository.path, base, tree)
            assert (tree.path / "speed").read_text() == "2\n"
            assert (tree.path / "facts").read_text("utf-8") == f"{base.sha} {repository.path}\n"

    def test_a_failure_shows_its_last_lines(self, repository: Repository) -> None:
        command = "seq 100; echo no rule to make model >&2; exit 3"
        lines = refusal(repository, setup=command).splitlines()
        assert lines[0] == f"[tool.speedacc.live] setup = {command!r} failed in the base with exit code 3:"
        assert lines[1:] == [str(number) for number in range(87, 101)] + ["no rule to make model"]

    def test_it_may_not_hang(self, repository: Repository) -> None:
        assert refusal(repository, setup="tail -f /dev/null", timeout=0.5).startswith(
            "[tool.speedacc.live] setup = 'tail -f /dev/null' did not end within 0.5 s in the base: make it "
            "quicker, or run it by hand in a checkout of "
        )
