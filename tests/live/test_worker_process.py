"""Workers started and spoken to: real processes over a real connection, which follow a script."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_speedacc.live.workers import process
from pytest_speedacc.live.workers.side import Side, Start
from pytest_speedacc.live.workers.starting import started
from pytest_speedacc.live.workers.worker_process import WorkerLost, WorkerProcess

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a script with a #! line")
FAKE = """#!{python}
import json, os, signal, socket, subprocess, sys
spec = json.load(open(sys.argv[-1]))
def connect(*messages):
    connection = socket.create_connection(("127.0.0.1", spec["port"]))
    connection.sendall(b"".join(json.dumps(message).encode() + b"\\n" for message in messages))
    return connection
hello = {{"kind": "hello", "token": spec["token"]}}
def say(kind, **content):
    connection.sendall(json.dumps({{"kind": kind, **content}}).encode() + b"\\n")
print("some words")
print("last words", flush=True)
{body}
"""
CONNECTS = "connection = connect(hello)\n"
READY = {"test": "t", "name": "n", "seconds_per_call": 0.5, "batch_size": 1, "setup_seconds": 2.0, "facts": None}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to wait for workers that are played, and never end by themselves."""
    monkeypatch.setattr(process, "LONGEST_CLEANING", 0.01)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., object]:
    """Starts one worker whose interpreter is a script with this body."""

    @contextmanager
    def run(body: str, *arguments: str, timeout: float = 20.0, **options: object) -> Iterator[WorkerProcess]:
        interpreter = tmp_path / "interpreter"
        interpreter.write_text(FAKE.format(python=sys.executable, body=body), "utf-8")
        interpreter.chmod(0o755)
        own, other = tmp_path / "base tree", tmp_path / "candidate tree"
        fields = {
            "label": "base",
            "root": own,
            "other_root": other,
            "folder": tmp_path,
            "python": str(interpreter),
            "sys_path": ("x",),
            "one_thread": True,
            "rootdir": own,
        }
        side = Side(**{**fields, **options})  # type: ignore[arg-type]
        with started([(side, ["t"])], Start(arguments, 7, True, tmp_path, timeout)) as (worker,):
            yield worker

    return run


def test_checks_come_with_their_numbers_and_end_with_the_test(start: Callable[..., object]) -> None:
    body = (
        CONNECTS
        + f"""
say("failed", test="other.py", text="ImportError: no")
say("collected", gates=["t", "u"], markers={{"t": [{{"max_latency": "5 ms"}}]}}, expected=["u"])
say("ended", test="u")
say("ready", gate={READY!r})
say("failed", test="t", text="AssertionError: then")
say("ended", test="t")
signal.pause()
"""
    )
    with start(body) as worker:
        worker.receive_gates()
        assert worker.gates == ("t", "u")
        assert worker.markers == {"t": [{"max_latency": "5 ms"}]}
        assert worker.expected == {"u"}
        ready = worker.next_check("t")
        assert (ready.name, ready.seconds_per_call, ready.setup_seconds) == ("n", 0.5, 2.0)
        assert worker.next_check("t") is None
        assert worker.next_check("not collected") is None
        assert worker.failure("t") == "AssertionError: then"
        assert worker.failure("other.py::test_it") == "ImportError: no"
        assert worker.failure("other.pyc::test_it") == ""
        assert worker.is_running()
    assert not worker.is_running()


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("sys.exit(3)", "ended with exit code 3 while starting"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "ended with signal SIGKILL while starting"),
        ("signal.pause()", r"did not answer \(it did not connect within 1 s\) while starting"),
        ("connect({'kind': 'hello', 'token': 'guessed'}); signal.pause()", "did not connect within 1 s"),
        ("connect().close(); sys.exit(4)", "ended with exit code 4 while starting"),
    ],
)
def test_a_worker_that_does_not_come_up_is_named_with_its_last_words(
    start: Callable[..., object], body: str, how: str
) -> None:
    with (
        pytest.raises(WorkerLost, match=f"(?s)the base worker .*{how}.*some words\nlast words"),
        start(body, timeout=1),
    ):
        pass


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("say('finished'); sys.exit(2)", "ended with exit code 2 while collecting"),
        ("os._exit(5)", "ended with exit code 5 while collecting"),
        ("connection.sendall(b'rubbish\\n'); signal.pause()", r"did not answer \(what it says is no message\)"),
        (
            "signal.pause()",
            r"did not answer \(no answer for 1 s\) while collecting\. If it needs longer, raise timeout",
        ),
    ],
)
def test_a_worker_that_is_lost_later_is_named_with_its_place(start: Callable[..., object], body: str, how: str) -> None:
    with start(CONNECTS + body, timeout=1) as worker, pytest.raises(WorkerLost, match=f"the base worker {how}"):
        worker.receive_gates()


def test_a_worker_that_imported_of_the_other_revision_is_lost_with_the_reason(start: Callable[..., object]) -> None:
    body = "say('collected', gates=['t']); say('mixed', text='it imported helper'); signal.pause()"
    with start(CONNECTS + body) as worker:
        worker.receive_gates()
        with pytest.raises(WorkerLost, match=r"^it imported helper$"):
            worker.next_check("t")


def test_a_worker_that_is_gone_cannot_be_told_anything(start: Callable[..., object]) -> None:
    with start(CONNECTS + "connection.close(); sys.exit(6)") as worker:
        with pytest.raises(WorkerLost):
            worker.receive()
        # The first message after the end may still be taken by the system.
        with pytest.raises(WorkerLost, match="ended with exit code 6"):
            any(worker.send("time") for _ in range(100))


def test_strangers_that_connect_are_sent_away(start: Callable[..., object]) -> None:
    strangers = "a = connect({'kind': 'hello', 'token': 'x'}); connect().sendall(b'GET /\\r\\n'); connect().close()\n"
    with start(strangers + CONNECTS + "say('collected', gates=['t']); signal.pause()") as worker:
        worker.receive_gates()
        assert worker.gates == ("t",)


def told(start: Callable[..., object], what: str, *arguments: str, **options: object) -> list[str]:
    """What a worker finds, an expression for a list of texts."""
    with start(CONNECTS + f"say('collected', gates={what}); signal.pause()", *arguments, **options) as worker:
        worker.receive_gates()
        return list(worker.gates)


def test_paths_in_the_other_tree_are_the_worker_s_own(
    start: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, own = tmp_path / "candidate tree", tmp_path / "base tree"
    assert told(start, "spec['arguments']", f"--confcutdir={other}/tests", "-v") == [f"--confcutdir={own}/tests", "-v"]
    monkeypatch.setenv("PYTHONPATH", f"{other}/src:/elsewhere")
    assert told(start, "[os.environ['PYTHONPATH']]") == [f"{own}/src:/elsewhere"]


def test_another_interpreter_gets_this_plugin_and_nothing_else_of_this_environment(
    start: Callable[..., object],
) -> None:
    found = told(start, "os.listdir(os.environ['PYTHONPATH']) + sys.argv[1:2]", sys_path=())
    assert found == ["pytest_speedacc", "-m"]
    # The usual one must not start with what lies in the user's folder.
    assert told(start, "sys.argv[1:3]") == ["-P", "-m"]


def test_a_worker_is_pinned_only_where_it_runs_on_one_thread(start: Callable[..., object]) -> None:
    cores = "[str(core) for core in spec['cores']]"
    assert told(start, cores) == [str(core) for core in process.quiet_core()]
    assert told(start, cores, one_thread=False) == []


def is_alive(pid: str) -> bool:
    """Whether a process is there and more than a name that its parent has yet to collect."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked for in /proc")
def test_what_a_worker_has_started_ends_with_it(start: Callable[..., object]) -> None:
    body = (
        CONNECTS
        + """
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
say("collected", gates=[str(child.pid)])
signal.pause()
"""
    )
    with start(body) as worker:
        worker.receive_gates()
        (child,) = worker.gates
        assert is_alive(child)
        worker.stop()
    end = time.monotonic() + 20
    while is_alive(child):
        assert time.monotonic() < end
