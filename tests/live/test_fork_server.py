"""What the workers of a launch are forked from: real servers, whose workers do not come up or only say who they are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tabnanny
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_speedacc.live.workers import process
from pytest_speedacc.live.workers.fork_server import CANNOT_FORK
from pytest_speedacc.live.workers.side import Shared, Side, Start
from pytest_speedacc.live.workers.starting import CannotFork, started
from pytest_speedacc.live.workers.worker_process import WorkerLost

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")


def serve(
    folder: Path, modules: dict[str, str], workers: Sequence[dict[str, str]] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """A server to its end, with ``folder/site`` on its path and ``folder/tree`` for a tree."""
    site = folder / "site"
    site.mkdir(exist_ok=True)
    spec = {"sys_path": [*sys.path, str(site)], "roots": [str(folder / "tree")], "modules": modules, "workers": workers}
    spec["wanted"] = list(modules)
    (folder / "spec.json").write_text(json.dumps(spec), "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest_speedacc.live.workers.fork_server", str(folder / "spec.json")],
        env={**process.worker_environment(one_thread=True, hash_seed=0), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def library(folder: Path, name: str, code: str) -> dict[str, str]:
    """A module beside the others of the site, as a worker tells of it."""
    path = folder / "site" / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(code, "utf-8")
    return {name: str(path)}


def test_it_imports_what_it_is_told_and_nothing_is_wrong_with_that(tmp_path: Path) -> None:
    modules = library(tmp_path, "first", "import second\nprint('first')\n")
    modules |= library(tmp_path, "second", "print('second')\n")
    done = serve(tmp_path, {**modules, "gone": "/nowhere.py"})
    assert (done.returncode, done.stdout.splitlines()) == (0, ["second", "first"]), done.stderr


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import unknown\n", r"importing what both sides import brings unknown from .*unknown\.py as well, which they"),
        (
            "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n",
            "what both sides import starts 1 thread$",
        ),
    ],
)
def test_what_both_sides_would_not_have_is_not_forked(tmp_path: Path, code: str, why: str) -> None:
    library(tmp_path, "unknown", "")
    done = serve(tmp_path, library(tmp_path, "first", code))
    assert done.returncode == CANNOT_FORK
    assert re.match(why, done.stdout.splitlines()[-1]), done.stdout


def test_a_library_of_another_place_is_another(tmp_path: Path) -> None:
    library(tmp_path, "first", "")
    done = serve(tmp_path, {"first": "/elsewhere/first.py"})
    assert done.returncode == CANNOT_FORK
    assert "brings first from " in done.stdout


def test_an_interpreter_that_imports_of_a_tree_by_itself_forks_nothing(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "sitecustomize.py").write_text("", "utf-8")
    done = serve(tmp_path, {}, PYTHONPATH=str(tree))
    assert done.returncode == CANNOT_FORK
    assert "every process of this interpreter imports " in done.stdout


def test_what_a_library_registers_for_its_exit_is_done_once_after_the_workers(tmp_path: Path) -> None:
    """As the removal of a temporary folder, which the other workers still use."""
    code = "import atexit, os\nhere = os.getpid()\natexit.register(lambda: print('exit', os.getpid() == here))\n"
    # Workers that do not find what they are to do, and end.
    workers = [
        {"spec": "gone", "log": str(tmp_path / name), "ended": str(tmp_path / f"{name}.ended"), "folder": "/"}
        | {"search": ""}
        for name in ("one", "two")
    ]
    done = serve(tmp_path, library(tmp_path, "first", code), workers)
    assert (done.returncode, done.stdout) == (0, "exit True\n"), done.stderr
    for name in ("one", "two"):
        assert (tmp_path / f"{name}.ended").read_text() == "1"
        assert "exit False" not in (tmp_path / name).read_text()


PROBE = """
import json, os, sys
from pytest_speedacc.measure import memory
found = {
    "arguments": len(sys.argv),
    "spec": os.path.exists(sys.argv[-1]),
    "main": sys.modules["__main__"].__spec__.name,
    "folder": os.getcwd(),
    "search": os.environ.get("PYTHONPATH"),
    "here": os.environ.get("here"),
    "first": "tabnanny" in sys.modules,
    "place": memory._place,
}
with open("told.json", "w") as file:
    json.dump(found, file)
def test_gate(speedacc):
    os._exit(3)
"""


def told(side: Side, start: Start) -> dict[str, object]:
    """What a worker tells of itself, which then ends in its gate."""
    with started([(side, ["test_it.py::test_gate"])], start) as (worker,):
        worker.receive_gates()
        with pytest.raises(WorkerLost, match=r"^the candidate worker ended with exit code 3 in test_it\.py::test_gate"):
            worker.next_check("test_it.py::test_gate")
    found: dict[str, object] = json.loads((side.root / "told.json").read_text("utf-8"))
    return found


def test_a_forked_worker_is_as_one_that_is_started(side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command line, main module, folder, search path and where it writes; and it ends as it did."""
    monkeypatch.setenv("PYTHONPATH", str(side.root))
    (side.root / "test_it.py").write_text(PROBE, "utf-8")
    start = Start((), 7, True, tmp_path, 30.0)
    apart = told(side, start)
    forked = told(
        side, replace(start, shared=Shared({"tabnanny": str(tabnanny.__file__)}, ("tabnanny",), {"here": "1"}))
    )
    assert (apart.pop("here"), apart.pop("first")) == (None, False)
    assert (forked.pop("here"), forked.pop("first")) == ("1", True)
    assert apart == forked
    assert (forked["folder"], forked["search"], forked["spec"]) == (str(side.root), str(side.root), True)
    # It may be killed while it measures memory.
    assert forked["place"] == str(tmp_path)


LEAVES = """
import atexit, tempfile
from pathlib import Path
folder = tempfile.TemporaryDirectory()
atexit.register(Path("done").touch)
def test_gate(speedacc):
    pass
"""


@pytest.mark.parametrize("shared", [None, Shared()])
def test_what_a_worker_registers_for_its_exit_is_done_before_it_is_ended(
    side: Side, tmp_path: Path, scratch: Path, shared: Shared | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without it pytest-memray makes a folder of its own, and tests that run pytest in this process take it away.
    monkeypatch.setenv("MEMRAY_RESULT_PATH", str(tmp_path))
    (side.root / "test_it.py").write_text(LEAVES, "utf-8")
    with started([(side, ["test_it.py::test_gate"])], Start((), 7, False, tmp_path, 30.0, shared=shared)) as (worker,):
        worker.receive_gates()
        assert len(list(scratch.iterdir())) == 1
        assert worker.next_check("test_it.py::test_gate") is None
    assert (side.root / "done").exists()
    assert list(scratch.iterdir()) == []


THREAD = """
import threading
def {hook}():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
"""


@pytest.mark.parametrize("hook", ["pytest_configure", "pytest_sessionstart"])
def test_threads_that_a_conftest_starts_in_a_hook_are_the_tests_and_those_of_a_plugin_are_not(
    side: Side, tmp_path: Path, hook: str
) -> None:
    """A gate may wait for the former in vain, and pytest-rerunfailures starts one."""
    library(tmp_path, "with_a_thread", THREAD.format(hook=hook))
    side = replace(side, sys_path=(*side.sys_path, str(tmp_path / "site")))
    (side.root / "test_it.py").write_text(PROBE, "utf-8")
    start = Start(("-p", "with_a_thread"), 7, False, tmp_path, 30.0)
    for conftest, why in (("", ""), (THREAD.format(hook=hook), "collecting the tests starts 1 thread")):
        (side.root / "conftest.py").write_text(conftest, "utf-8")
        with started([(side, ["test_it.py::test_gate"])], start) as (worker,):
            worker.receive_gates()
            assert worker.why_no_fork == why


def test_a_server_that_cannot_fork_says_why_and_leaves_nothing(side: Side, tmp_path: Path) -> None:
    (side.root / "test_it.py").write_text("", "utf-8")
    start = Start((), 7, True, tmp_path, 30.0, shared=Shared({"json": "/elsewhere/json.py"}, ("json",)))
    with (
        pytest.raises(CannotFork, match="importing what both sides import brings json from"),
        started([(side, ["test_it.py::test_gate"])], start),
    ):
        pass
    crash = library(tmp_path, "crash", "import os\nprint('now', flush=True)\nos._exit(1)\n")
    side = replace(side, sys_path=(*side.sys_path, str(tmp_path / "site")))
    start = replace(start, shared=Shared(crash, tuple(crash)))
    with (
        pytest.raises(CannotFork, match="the process that they are forked from ended with 1: now"),
        started([(side, ["test_it.py::test_gate"])], start),
    ):
        pass


def test_what_a_plugin_sets_is_not_the_tests_doing_and_what_a_conftest_sets_is(side: Side, tmp_path: Path) -> None:
    """Such as the path of a file that this process writes, in which the two sides always differ."""
    setting = "import os\n\ndef {hook}():\n    os.environ[{name!r}] = str(os.getpid())\n"
    hooks = ("pytest_configure", "pytest_sessionstart")
    by_plugin = [setting.format(hook=hook, name=f"PLUGIN_{hook}") for hook in hooks]
    by_conftest = [setting.format(hook=hook, name=f"CONFTEST_{hook}") for hook in hooks]
    (side.root / "a_plugin.py").write_text("\n".join(by_plugin), "utf-8")
    (side.root / "conftest.py").write_text("\n".join(by_conftest), "utf-8")
    (side.root / "test_it.py").write_text(PROBE, "utf-8")
    side = replace(side, sys_path=(*side.sys_path, str(side.root)))
    with started([(side, ["test_it.py::test_gate"])], Start(("-p", "a_plugin"), 7, True, tmp_path, 30.0)) as (worker,):
        worker.receive_gates()
    assert set(worker.environment) == {f"CONFTEST_{hook}" for hook in hooks}
