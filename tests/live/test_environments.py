"""Whether the base has an environment of its own, what it is built from, and that only finished ones are used."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock
from packaging.requirements import Requirement
from scratch_repository import Repository, start_repository
from tiny_wheels import offline, tiny_wheel

from pytest_speedacc.live.environments import build, choice, store
from pytest_speedacc.live.environments.choice import BaseEnvironment, base_environment
from pytest_speedacc.live.environments.files import Revision
from pytest_speedacc.live.environments.recipe import Recipe, recipe_of
from pytest_speedacc.live.environments.store import BuildError, cache_folder, interpreter, kept
from pytest_speedacc.live.tree.base import resolve_base
from pytest_speedacc.live.tree.worktree import base_worktree

INSTALLED = {"scikit-learn", "numpy", "pytest"}
PROJECT = """
[project]
name = "mine"
dependencies = ["scikit-learn"]
[project.optional-dependencies]
test = ["pytest", "absent; python_version < '3'"]
gpu = ["cupy"]
all = ["mine[test]"]
more = ["mine[test,gpu]"]
[dependency-groups]
dev = ["numpy", {include-group = "lint"}]
lint = ["ruff"]
"""
SYNC = ("sync", "--frozen", "--no-default-groups", "--no-install-workspace", "--no-install-package", "pytest-speedacc")
EXTRAS = ("--extra", "all", "--extra", "test")
IN_CI, ELSEWHERE = True, False


def say(text: str) -> None:
    """Nobody listens."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


class TestRecipe:
    """Of a base in ``base``, beside a candidate in ``candidate``."""

    def recipe(self, tmp_path: Path, files: dict[str, str], *changed: str, now: dict[str, str] | None = None) -> Recipe:
        for side, there in (("base", files), ("candidate", files if now is None else now)):
            (tmp_path / side).mkdir()
            Repository(tmp_path / side).write(**there)
        base, candidate = (Revision.of(tmp_path / side, tmp_path / side) for side in ("base", "candidate"))
        made = recipe_of(base, candidate, {tmp_path / "base" / name for name in changed}, INSTALLED.__contains__)
        assert made is not None
        return made

    @pytest.mark.parametrize(
        ("files", "changed", "call", "said"),
        [
            ("uv_lock pyproject_toml", "uv.lock", (*SYNC, *EXTRAS), "uv.lock, with the extras all, test"),
            ("uv_lock requirements_txt", "requirements.txt", ("pip", "install", "-r", "requirements.txt"), ""),
            ("uv_lock pyproject_toml", "pyproject.toml", (*SYNC, *EXTRAS), "uv.lock, with the extras all, test"),
            ("pylock_toml poetry_lock", "pylock.toml", ("pip", "install", "-r", "pylock.toml"), "pylock.toml"),
            ("poetry_lock uv_lock", "poetry.lock", (), "poetry.lock"),
            ("environment_yml", "environment.yml", (), "environment.yml"),
            (
                "constraints_txt pyproject_toml",
                "constraints.txt",
                "pip install -r pyproject.toml -c constraints.txt",
                "",
            ),
            ("requirements__a_txt", "requirements/a.txt", ("pip", "install", "-r", "requirements/a.txt"), ""),
            (
                "requirements_txt pyproject_toml",
                "requirements.txt",
                ("pip", "install", "-r", "requirements.txt", "-r", "pyproject.toml", *EXTRAS),
                "requirements.txt, pyproject.toml, with the extras all, test",
            ),
        ],
    )
    def test_what_changed_comes_before_what_did_not_and_a_lock_before_requirements(
        self, tmp_path: Path, files: str, changed: str, call: tuple[str, ...] | str, said: str
    ) -> None:
        texts = {name: PROJECT if name == "pyproject_toml" else "" for name in files.split()}
        made = self.recipe(tmp_path, texts, changed)
        assert made.call == (call if isinstance(call, tuple) else (*call.split(), *EXTRAS))
        assert not said or made.said(Revision.of(tmp_path / "base", tmp_path / "base")) == said

    def test_a_group_is_asked_for_where_it_is_what_this_environment_was_made_from(self, tmp_path: Path) -> None:
        """The candidate's own says what that was; the base's may name what is not needed any more."""
        now = PROJECT.replace('{include-group = "lint"}', '"pytest"')
        assert self.recipe(tmp_path, {"pyproject_toml": PROJECT}, now={"pyproject_toml": now}).call[-2:] == (
            "--group",
            "dev",
        )

    def test_files_of_requirements_for_other_occasions_are_left_out(self, tmp_path: Path) -> None:
        files = {
            "requirements_txt": "absent\n-r more/some.in",
            "requirementstest_txt": "pytest==8.2 \\\n    --hash=sha256:00  # of the tests\n-e .",
            "requirementsdocs_txt": "sphinx",
            "more__some_in": "numpy",
        }
        made = self.recipe(tmp_path, files)
        assert made.call == ("pip", "install", "-r", "requirements.txt", "-r", "requirementstest.txt")
        # What is included decides as well.
        assert tmp_path / "base/more/some.in" in made.files

    @pytest.mark.skipif(sys.platform == "win32", reason="links need rights")
    def test_what_a_link_leads_to_decides(self, tmp_path: Path) -> None:
        Repository(tmp_path).write(locks__all_in="numpy")
        (tmp_path / "requirements.txt").symlink_to("locks/all.in")
        assert Revision.of(tmp_path, tmp_path).built_from() == (
            tmp_path / "requirements.txt",
            tmp_path / "locks/all.in",
        )

    def test_tables_of_poetry_are_not_read(self, tmp_path: Path) -> None:
        assert self.recipe(tmp_path, {"pyproject_toml": "[tool.poetry.dependencies]\nnumpy = '*'"}).call == ()

    def test_the_files_above_hold_where_a_project_has_none(self, tmp_path: Path) -> None:
        Repository(tmp_path).write(requirements_txt="", sub__pyproject_toml="[project]\nname='a'\ndependencies=[]")
        side = Revision.of(tmp_path / "sub", tmp_path)
        made = recipe_of(side, side, set(), INSTALLED.__contains__)
        assert made is not None
        assert (made.folder, made.call) == (
            tmp_path / "sub",
            ("pip", "install", "-r", "../requirements.txt", "-r", "pyproject.toml"),
        )


@pytest.fixture
def project(tmp_path: Path) -> Repository:
    return start_repository(tmp_path / "für alle")


def chosen(project: Repository, setting: str | None = None, in_ci: bool = IN_CI, folder: str = "") -> BaseEnvironment:
    """What the base of the last commit runs with, beside what lies there now."""
    root = project.path / folder
    base = resolve_base(root, "HEAD")
    with base_worktree(root, base) as tree:
        return base_environment(setting, in_ci, root, base, tree, tree.top.parent, say)


class TestChoice:
    @pytest.mark.parametrize("name", ["requirements_txt", "uv_lock", "sub__requirements_txt", "sub__docs_in"])
    def test_what_is_the_same_or_of_another_project_builds_nothing(self, project: Repository, name: str) -> None:
        files = {"requirements_txt": "tiny==1.0", "uv_lock": "", "sub__requirements_txt": "a", "sub__docs_in": "b"}
        project.commit("base", **files)
        project.write(**{name: files[name], "model_py": "changed"})
        assert chosen(project) == BaseEnvironment()
        project.write(sub__requirements_txt="changed")
        assert chosen(project).notes == (
            "sub/requirements.txt changed since the base, and both sides ran with this environment's packages: "
            "--speedacc-base-python=PATH runs the base with its own",
        )

    def test_a_file_that_another_includes_counts(self, project: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
        project.commit("base", requirements_txt="-r deps/all.in\n", deps__all_in="tiny==1.0")
        project.write(deps__all_in="tiny==2.0")
        monkeypatch.setattr(build, "find_uv", lambda: None)
        assert chosen(project).problem == (
            "the base's environment could not be built from requirements.txt, deps/all.in: uv, which builds "
            'environments, is not installed here: `pip install "pytest-speedacc[live]"` brings it, or set environment '
            "to a command in [tool.speedacc.live]"
        )

    @pytest.mark.parametrize("setting", [None, "auto", "exit 1"])
    def test_the_files_of_another_project_are_its_own(self, project: Repository, setting: str | None) -> None:
        project.commit("base", requirements_txt="tiny==1.0", sub__requirements_txt="", other__requirements_txt="a")
        project.write(other__requirements_txt="b")
        (note,) = chosen(project, setting, folder="sub").notes
        assert note.startswith("other/requirements.txt changed since the base, and both sides ran with this ")

    @pytest.mark.parametrize(
        ("setting", "in_ci", "file", "said"),
        [
            (
                None,
                ELSEWHERE,
                "requirements_txt",
                ": CI=true before the command builds the base one of its own from requirements.txt, and "
                'environment = "auto" in [tool.speedacc.live] of the base does so always',
            ),
            (
                None,
                ELSEWHERE,
                "poetry_lock",
                ": environment = a command that builds one from poetry.lock, in [tool.speedacc.live] of the base, "
                "runs it with its own",
            ),
            ("same", IN_CI, "uv_lock", ', as environment = "same" in [tool.speedacc.live] has it'),
            ("same", ELSEWHERE, "poetry_lock", ', as environment = "same" in [tool.speedacc.live] has it'),
        ],
    )
    def test_nothing_is_built_unasked(
        self, project: Repository, setting: str | None, in_ci: bool, file: str, said: str
    ) -> None:
        project.commit("base", **{file: "tiny==1.0"})
        project.write(**{file: "tiny==2.0"})
        name = ".".join(file.rsplit("_", 1))
        both = f"{name} changed since the base, and both sides ran with this environment's packages"
        assert chosen(project, setting, in_ci) == BaseEnvironment(notes=(both + said,))

    @pytest.mark.parametrize("setting", [None, "auto"])
    def test_what_uv_does_not_read_is_a_problem(self, project: Repository, setting: str | None) -> None:
        project.commit("base", poetry_lock="a", uv_lock="")
        project.write(poetry_lock="b")
        assert chosen(project, setting).problem == (
            "the base's environment could not be built from poetry.lock: uv does not read it: set environment in "
            '[tool.speedacc.live] of the base to a command that does, or to "same"'
        )

    def test_the_base_s_python_is_asked_for_where_it_is_another(
        self, project: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        def build_nothing(call: object, folder: object, python: str, target: Path) -> None:
            asked.append(python)
            raise BuildError("no")

        monkeypatch.setattr(choice, "build_with_uv", build_nothing)
        project.commit("base", requirements_txt="a")
        (project.path / ".python-version").write_text("3.12\n")
        project.commit("base")
        project.write(requirements_txt="b")
        assert chosen(project).problem == "the base's environment could not be built from requirements.txt: no"
        (project.path / ".python-version").write_text("3.11\n")
        assert chosen(project).problem.endswith("built from requirements.txt for Python 3.12: no")
        assert asked == [sys.executable, "3.12"]

    def test_a_new_version_of_the_project_needs_no_other_environment(
        self, project: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        built: list[Path] = []

        def build_nothing(call: object, folder: object, python: str, target: Path) -> None:
            built.append(target)
            interpreter(target).parent.mkdir(parents=True)
            interpreter(target).touch()

        monkeypatch.setattr(choice, "build_with_uv", build_nothing)
        monkeypatch.setattr(choice, "complete", lambda target, worktree: None)
        table = '[project]\nname = "mine"\nversion = "{}"\ndependencies = ["{}"]\n'
        for version, needs in (("1", "a"), ("2", "a"), ("2", "b")):
            project.commit("base", pyproject_toml=table.format(version, needs))
            project.write(pyproject_toml=table.format(version, "c"))
            assert chosen(project).problem == ""
        assert len(built) == 2

    def test_a_command_that_fails_is_told_with_its_last_words(self, project: Repository, cache: Path) -> None:
        project.commit("base", requirements_txt="a")
        project.write(requirements_txt="b")
        command = "seq 100; echo no such tool >&2; exit 3"
        problem = chosen(project, command, ELSEWHERE).problem
        assert problem.startswith(
            f"the base's environment could not be built by {command!r}: `{command}` ended with exit "
        )
        assert problem.endswith("code 3: 90 91 92 93 94 95 96 97 98 99 100 no such tool")
        assert chosen(project, "true").problem.endswith(": it makes a virtual environment in SPEEDACC_ENVIRONMENT")
        assert list(cache.glob("*/*")) == list(cache.glob("*/lock"))


class TestKept:
    """Environments that are folders with an interpreter, which is all that is asked of one."""

    def made(self, target: Path) -> None:
        interpreter(target).parent.mkdir(parents=True)
        interpreter(target).touch()

    def test_it_is_made_once(self, cache: Path) -> None:
        told: list[str] = []
        first = kept("key", self.made, told.append)
        assert kept("key", pytest.fail, told.append) == first
        assert (len(told), first.parent) == (1, cache / "key")
        assert kept("other", self.made, say) != first

    def test_one_that_fails_leaves_nothing(self, cache: Path) -> None:
        def fails(target: Path) -> None:
            self.made(target)
            raise BuildError("no")

        with pytest.raises(BuildError, match=r"^no$"):
            kept("key", fails, say)
        # Some releases of filelock take the file away.
        assert {path.name for path in (cache / "key").iterdir()} <= {"lock"}
        assert kept("key", self.made, say).is_dir()

    def test_one_whose_python_was_removed_is_made_anew(self, cache: Path) -> None:
        first = kept("key", self.made, say)
        interpreter(first).unlink()
        second = kept("key", self.made, say)
        assert (first.exists(), second.exists()) == (False, True)

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
    def test_a_killed_build_is_not_taken_for_complete(self, cache: Path) -> None:
        script = (
            "from pathlib import Path\nimport sys\n"
            "from pytest_speedacc.live.environments.store import interpreter, kept\n"
            "def build(target):\n"
            "    interpreter(target).parent.mkdir(parents=True)\n    interpreter(target).touch()\n"
            "    print(target, flush=True)\n    sys.stdin.read()\n"
            "kept('key', build, lambda text: None)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            half = Path(process.stdout.readline().strip())
            assert interpreter(half).exists()
            process.kill()
        # Its lock ended with it, and what it made is not even in the way.
        found = kept("key", self.made, say)
        assert found != half
        assert not half.exists()

    def test_two_at_once_share_one(self, cache: Path) -> None:
        made: list[Path] = []
        begun, go = threading.Event(), threading.Event()

        def slowly(target: Path) -> None:
            made.append(target)
            begun.set()
            assert go.wait(30)
            self.made(target)

        found: list[Path] = []
        runs = [threading.Thread(target=lambda: found.append(kept("key", slowly, say))) for _ in range(2)]
        runs[0].start()
        assert begun.wait(30)
        runs[1].start()
        go.set()
        for run in runs:
            run.join()
        assert (len(made), found) == (1, [made[0], made[0]])

    def test_another_run_is_not_waited_for_without_end(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(store, "LONGEST_BUILD", 0.01)

        def meets_another(target: Path) -> None:
            with pytest.raises(BuildError, match=r"another run has been building the same for 0\.01 s"):
                kept("key", pytest.fail, say)
            self.made(target)

        kept("key", meets_another, say)

    def test_what_nobody_uses_is_removed_and_what_is_used_stays(self, cache: Path) -> None:
        (cache / "killed/environment-0").mkdir(parents=True)
        old, busy, used = (kept(name, self.made, say) for name in ("old", "busy", "used"))
        for path in (cache / "killed", *cache.glob("*/complete")):
            os.utime(path, (0, 0))
        with FileLock(cache / "busy/lock"):
            kept("used", pytest.fail, say)
        assert [path.exists() for path in (old, cache / "killed", busy, used)] == [False, False, True, True]

    def test_a_cache_that_cannot_be_written_is_told(self, cache: Path) -> None:
        cache.parent.parent.write_text("no folder")
        with pytest.raises(
            BuildError, match=r"the folder for built environments cannot be used \(.*\): set XDG_CACHE_"
        ):
            kept("key", self.made, say)

    def test_a_user_without_a_home_is_told(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.delenv("LOCALAPPDATA", raising=False)
        monkeypatch.setattr(Path, "home", unknown)
        with pytest.raises(
            BuildError, match=r"cannot be used \(Could not determine home directory\.\): set XDG_CACHE_HOME"
        ):
            kept("key", self.made, say)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that uv takes wheels from."""
    pytest.importorskip("uv")
    folder = tmp_path / "wheels"
    tiny_wheel(folder, "1.0")
    for name, value in offline(folder, tmp_path / "scratch").items():
        monkeypatch.setenv(name, value)
    return folder


BACKEND = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from tiny_wheels import tiny_wheel

def build_editable(folder, *given):
    return tiny_wheel(Path(folder), "1.0", name="mine", requires="tiny").name
"""
"""What installs this project in editable mode, with tiny as its dependency."""


@pytest.mark.skipif(sys.platform == "win32", reason="the environment is laid out as on POSIX")
class TestUv:
    def differ(self, project: Repository, base: str, change: str = "tiny==2.0\n") -> BaseEnvironment:
        """Beside a change of requirements.txt from ``base``."""
        project.commit("base", requirements_txt=base)
        project.write(requirements_txt=change)
        return chosen(project)

    def prints(self, environment: BaseEnvironment, what: str) -> str:
        assert environment.problem == ""
        command = [environment.python, "-c", f"import importlib.metadata as m, {what}"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def test_the_base_s_requirements_are_installed_once(self, project: Repository, wheels: Path) -> None:
        found = self.differ(project, "tiny==1.0\n")
        assert self.prints(found, "tiny; print(m.version('tiny'))") == "1.0\n"
        assert found.notes == (
            "requirements.txt changed since the base, which ran with an environment of its own, built from "
            "requirements.txt",
        )
        (wheels / "tiny-1.0-py3-none-any.whl").unlink()
        assert chosen(project).folder == found.folder
        # From other contents another one is built, and not found any more.
        assert self.differ(project, "tiny<1.1\n").problem

    def test_the_project_itself_is_the_worktree_s(
        self, project: Repository, wheels: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What a build installs of it would end with the run; what it depends on stays."""
        system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        table = '[project]\nname = "mine"\nversion = "1.0"\ndependencies = ["tiny"]\n'
        project.write(backend_py=BACKEND, pyproject_toml=system + table)
        monkeypatch.syspath_prepend(project.path)
        found = self.differ(project, "-e .\n", "-e .\ntiny\n")
        assert self.prints(found, "tiny; print(m.version('tiny'))") == "1.0\n"
        assert self.prints(found, "mine; print('there')") == ""
        (source,) = [folder for folder in found.search if Path(folder).name == project.path.name]
        assert source != str(project.path)

    def test_what_this_plugin_needs_is_added_and_moves_nothing(
        self, project: Repository, wheels: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tiny_wheel(wheels, "3.0", name="needed")
        tiny_wheel(wheels, "2.0")
        needs = [Requirement("needed>=2"), Requirement("tiny>=1")]
        monkeypatch.setattr(build, "requirements", lambda: needs)
        found = self.differ(project, "tiny==1.0\n", "tiny==2.0\n")
        assert self.prints(found, "tiny; print(m.version('tiny'), m.version('needed'))") == "1.0 3.0\n"
        needs[1] = Requirement("tiny>=2")
        problem = self.differ(project, "tiny<=1.0\n").problem
        assert "you require tiny>=2 and tiny==1.0" in problem or "tiny>=2" in problem

    @pytest.mark.parametrize(
        ("pin", "variables", "says"),
        [
            ("tiny==1.5", {}, "there is no version of tiny==1.5"),
            ("absent", {}, "Packages were unavailable because the network was disabled"),
            ("absent", {"UV_OFFLINE": "0", "UV_DEFAULT_INDEX": "http://127.0.0.1:1/"}, "127.0.0.1:1/absent/"),
            ("tiny", {"UV_FIND_LINKS": "", "UV_DEFAULT_INDEX": "index"}, "tiny==1.0 was yanked (reason: it is slow)"),
        ],
        ids=["a version that is gone", "offline", "no network", "yanked"],
    )
    def test_what_is_not_to_be_had_is_named(
        self,
        project: Repository,
        wheels: Path,
        monkeypatch: pytest.MonkeyPatch,
        pin: str,
        variables: dict[str, str],
        says: str,
    ) -> None:
        index = wheels.parent / "index/tiny"
        index.mkdir(parents=True)
        wheel = (wheels / "tiny-1.0-py3-none-any.whl").as_uri()
        (index / "index.html").write_text(f'<a href="{wheel}" data-yanked="it is slow">tiny-1.0-py3-none-any.whl</a>')
        for name, value in {"UV_HTTP_RETRIES": "0", **variables}.items():
            monkeypatch.setenv(name, index.parent.as_uri() if value == "index" else value)
        problem = self.differ(project, pin).problem
        assert problem.startswith(
            "the base's environment could not be built from requirements.txt: `uv pip install -r requirements.txt` "
            "ended with exit code "
        )
        assert says in problem
        assert "\n" not in problem

    def test_a_lock_of_uv_is_installed_as_it_is(self, project: Repository, wheels: Path) -> None:
        from uv import find_uv_bin

        project.write(pyproject_toml='[project]\nname = "mine"\nversion = "1"\ndependencies = ["tiny"]\n')
        subprocess.run([find_uv_bin(), "lock"], cwd=project.path, check=True, capture_output=True)
        project.commit("base")
        tiny_wheel(wheels, "2.0")
        subprocess.run([find_uv_bin(), "lock", "--upgrade"], cwd=project.path, check=True, capture_output=True)
        found = chosen(project)
        assert self.prints(found, "tiny; print(m.version('tiny'))") == "1.0\n"
        assert "uv.lock changed since the base, which ran with an environment of its own" in found.notes[0]
