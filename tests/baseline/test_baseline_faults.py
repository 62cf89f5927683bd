"""A full disk, no permission, links, two updates at once: a sentence of the project's own, or a whole baseline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from baseline_examples import BASELINE, TEST
from msgspec.structs import replace

from pytest_speedacc.baseline import (
    baseline_path,
    is_held,
    load_baseline,
    load_predictions,
    save_baseline,
    settle_baseline,
)
from pytest_speedacc.baseline.document import encode_document
from pytest_speedacc.baseline.files import digest_of, former_predictions_path, predictions_path
from pytest_speedacc.baseline.predictions import encode_predictions
from pytest_speedacc.baseline.update import UNFINISHED
from pytest_speedacc.errors import GateError

PREDICTIONS = np.array([0, 1, 2])
EXAMPLES = sorted(Path(__file__).parents[2].glob("examples/*/speedacc-baselines/*.json"))
IS_ROOT = hasattr(os, "getuid") and os.getuid() == 0
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return baseline_path(tmp_path / "baselines", TEST, "")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def run(program: str, *arguments: object) -> str:
    """What a process says that has everything imported; without rights of its own where it drops them."""
    begin = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    command = [sys.executable, "-c", begin + program, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert ran.stderr == ""
    return ran.stdout


class TestFormerNames:
    """Files from before the predictions were named by their content."""

    @pytest.fixture
    def former(self, path: Path) -> Path:
        path.parent.mkdir()
        packed = encode_predictions(PREDICTIONS)
        path.write_bytes(encode_document(replace(BASELINE, predictions=digest_of(packed))))
        former_predictions_path(path).write_bytes(packed)
        return path

    def test_are_read(self, former: Path) -> None:
        assert load_predictions(former, load_baseline(former, TEST, "")).tolist() == [0, 1, 2]

    def test_are_damaged_where_they_are_of_another_update(self, former: Path) -> None:
        former_predictions_path(former).write_bytes(encode_predictions(PREDICTIONS + 1))
        with pytest.raises(GateError, match=r"test_svm\.npz is damaged: it is not the one that .*json was written"):
            load_predictions(former, load_baseline(former, TEST, ""))

    def test_give_way_at_the_next_update(self, former: Path) -> None:
        save_baseline(former, BASELINE, PREDICTIONS + 1)
        digest = digest_of(encode_predictions(PREDICTIONS + 1))
        assert names(former.parent) == {former.name, predictions_path(former, digest).name}

    def test_are_renamed_where_nothing_else_has_changed(self, former: Path) -> None:
        document, baseline = former.read_bytes(), load_baseline(former, TEST, "")
        settle_baseline(former, baseline.predictions)
        assert names(former.parent) == {former.name, predictions_path(former, baseline.predictions).name}
        assert former.read_bytes() == document
        assert load_predictions(former, baseline).tolist() == [0, 1, 2]

    @pytest.mark.parametrize(
        "file", [file for file in EXAMPLES if former_predictions_path(file).exists()], ids=lambda file: file.stem
    )
    def test_of_the_examples_are_read_and_stay_byte_for_byte(self, file: Path, tmp_path: Path) -> None:
        own, arrays = tmp_path / file.name, former_predictions_path(file)
        for each in (file, arrays):
            (tmp_path / each.name).write_bytes(each.read_bytes())
        baseline = load_baseline(own, json.loads(file.read_text("utf-8"))["test"], "")
        assert encode_predictions(load_predictions(own, baseline)) == arrays.read_bytes()
        settle_baseline(own, baseline.predictions)
        written = predictions_path(own, baseline.predictions)
        assert contents(tmp_path) == {file.name: file.read_bytes(), written.name: arrays.read_bytes()}


class TestSweeping:
    def test_what_nobody_refers_to_goes_and_nothing_else(self, path: Path) -> None:
        save_baseline(path, BASELINE, PREDICTIONS)
        kept = contents(path.parent)
        others = ["other.json", "other.npz", f"{path.stem}.{'0' * 15}.npz", f"{path.stem}@x.{'0' * 16}.npz"]
        for name in others:
            (path.parent / name).touch()
        for name in (f"{path.stem}.{'0' * 16}.npz", f"{path.stem}.npz"):
            (path.parent / name).touch()
        (path.parent / UNFINISHED).mkdir()
        (path.parent / UNFINISHED / "half").touch()
        save_baseline(path, BASELINE, PREDICTIONS)
        assert contents(path.parent) == kept | dict.fromkeys(others, b"")

    def test_what_cannot_be_removed_is_no_failure(self, path: Path) -> None:
        path.parent.mkdir()
        (path.parent / f"{path.stem}.npz").mkdir()
        save_baseline(path, BASELINE, PREDICTIONS)
        assert is_held(path, load_baseline(path, TEST, ""), PREDICTIONS)


class TestLinks:
    def test_a_folder_that_is_a_link_is_followed(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        path.parent.symlink_to(tmp_path / "elsewhere")
        save_baseline(path, BASELINE, PREDICTIONS)
        assert is_held(path, load_baseline(path, TEST, ""), PREDICTIONS)

    @pytest.mark.parametrize("unfinished", ["a link", "a link to nothing", "a file"])
    def test_nothing_is_written_through_one(self, path: Path, tmp_path: Path, unfinished: str) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "precious").touch()
        save_baseline(path, BASELINE, PREDICTIONS)
        target = path.parent / UNFINISHED
        if unfinished == "a file":
            target.touch()
        else:
            target.symlink_to(outside if unfinished == "a link" else tmp_path / "nowhere")
        document, arrays = path, predictions_path(path, load_baseline(path, TEST, "").predictions)
        for file in (document, arrays):
            (outside / file.name).write_bytes(file.read_bytes())
            file.unlink()
            file.symlink_to(outside / file.name)
        before = contents(outside)
        assert is_held(path, load_baseline(path, TEST, ""), PREDICTIONS)
        save_baseline(path, replace(BASELINE, parameters=1), PREDICTIONS)
        assert contents(outside) == before
        assert not document.is_symlink()
        assert not arrays.is_symlink()
        assert names(path.parent) == {document.name, arrays.name}

    def test_a_link_to_what_is_no_baseline_is_named(self, path: Path, tmp_path: Path) -> None:
        path.parent.mkdir()
        path.symlink_to("/etc/passwd")
        with pytest.raises(GateError, match="is damaged at line 1, column 1: it is not JSON") as error:
            load_baseline(path, TEST, "")
        assert "root" not in str(error.value).replace(str(tmp_path), "")


FILLING = """
import os
from pathlib import Path
import numpy as np
from msgspec.structs import replace
from baseline_examples import BASELINE, TEST
from pytest_speedacc.baseline import is_held, load_baseline, save_baseline
from pytest_speedacc.errors import GateError

folder = Path(sys.argv[1])
path, filler = folder / "baselines" / "test.json", folder / "filler"
old, new = np.arange(3), np.arange(3) + 1
save_baseline(path, BASELINE, old)
free = os.statvfs(folder)
pages = free.f_bavail
refused = 0
for left in range(12):
    # Room for so many pages, of which a file or a folder takes one.
    filler.write_bytes(bytes(4096 * (pages - left)))
    try:
        save_baseline(path, replace(BASELINE, parameters=1), new)
    except GateError as error:
        refused += 1
        assert "cannot be written (No space left on device), and was left as it was" in str(error), error
        assert is_held(path, load_baseline(path, TEST, ""), old)
        assert len(list(path.parent.iterdir())) == 2
    else:
        assert is_held(path, load_baseline(path, TEST, ""), new)
    filler.unlink()
    save_baseline(path, BASELINE, old)
print(0 < refused < 12)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few pages."""
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    if not IS_ROOT or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs root, and the permission to mount")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_disk_that_is_full_at_whatever_file_leaves_a_whole_baseline(small_disk: Path) -> None:
    assert run(FILLING, small_disk) == "True\n"


def test_a_read_only_disk_is_an_error(small_disk: Path) -> None:
    path = small_disk / "baselines" / "test.json"
    save_baseline(path, BASELINE, PREDICTIONS)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(GateError, match=r"cannot be written \(Read-only file system\), and was left as it was"):
        save_baseline(path, replace(BASELINE, parameters=1), PREDICTIONS + 1)
    assert is_held(path, load_baseline(path, TEST, ""), PREDICTIONS)


AS_ORDINARY_USER = """
import os, tempfile
from pathlib import Path
import numpy as np
from msgspec.structs import replace
from baseline_examples import BASELINE, TEST
from pytest_speedacc.baseline import is_held, load_baseline, load_predictions, save_baseline
from pytest_speedacc.errors import GateError

with tempfile.TemporaryDirectory() as first:
    # Loads all that is loaded late, which this user may have no right to.
    save_baseline(Path(first) / "test.json", BASELINE, np.arange(3))
    load_predictions(Path(first) / "test.json", load_baseline(Path(first) / "test.json", TEST, ""))
tempfile.tempdir = "/tmp"
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
path = Path(sys.argv[1]) / "test.json"
try:
    baseline = load_baseline(path, TEST, "")
    load_predictions(path, baseline)
    save_baseline(path, replace(BASELINE, parameters=1), np.array([1, 1, 1]))
    print("written", is_held(path, load_baseline(path, TEST, ""), np.array([1, 1, 1])))
except GateError as error:
    print(error)
"""


@pytest.mark.skipif(not IS_ROOT, reason="needs root, to drop it")
@pytest.mark.parametrize(
    ("folder", "document", "arrays", "says"),
    [
        (0o755, 0o644, 0o644, "test.json cannot be written (Permission denied), and was left as it was: make room or "),
        (0o755, 0o600, 0o644, "test.json is damaged: it cannot be read (Permission denied)."),
        (0o755, 0o644, 0o600, ".npz is damaged: it cannot be read (Permission denied)."),
        (0o700, 0o644, 0o644, "test.json is damaged: it cannot be read (Permission denied)."),
        (0o777, 0o444, 0o444, "written True"),
    ],
    ids=["folder", "document", "predictions", "way", "files"],
)
def test_an_ordinary_user_without_permission(
    monkeypatch: pytest.MonkeyPatch, folder: int, document: int, arrays: int, says: str
) -> None:
    monkeypatch.setenv("TMPDIR", "/tmp")  # pytest's own folder is for one user only
    with tempfile.TemporaryDirectory(dir="/tmp") as top:
        Path(top).chmod(0o755)
        path = Path(top) / "baselines" / "test.json"
        save_baseline(path, BASELINE, PREDICTIONS)
        path.chmod(document)
        predictions_path(path, load_baseline(path, TEST, "").predictions).chmod(arrays)
        path.parent.chmod(folder)
        before = contents(path.parent)
        assert says in run(AS_ORDINARY_USER, path.parent, NOBODY)
        assert says.startswith("written") or contents(path.parent) == before


UPDATING = """
from pathlib import Path
import numpy as np
from msgspec.structs import replace
from baseline_examples import BASELINE
from pytest_speedacc.baseline import save_baseline

number = int(sys.argv[2])
for _ in range(40):
    save_baseline(Path(sys.argv[1]), replace(BASELINE, parameters=number), np.full(3, number))
"""


def test_updates_at_once_leave_one_of_them_whole(path: Path) -> None:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{UPDATING}"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    running = [subprocess.Popen([*command, str(path), str(number)], env=environment) for number in (1, 2, 3)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    baseline = load_baseline(path, TEST, "")
    assert is_held(path, baseline, np.full(3, baseline.parameters))
    assert names(path.parent) == {path.name, predictions_path(path, baseline.predictions).name}


def test_another_update_that_never_ends_is_named(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from filelock import FileLock

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("pytest_speedacc.baseline.update.LONGEST_WAIT", 0.0)
    from pytest_speedacc.measure.lock import lock_path

    with (
        FileLock(lock_path("baselines")),
        pytest.raises(GateError, match=r"cannot be written \(another update has held .*baselines\.lock for a minute\)"),
    ):
        save_baseline(path, BASELINE, PREDICTIONS)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (replace(BASELINE, name="\ud800"), "no baseline can be written of a name or a reason that holds half of a"),
        (replace(BASELINE, updated=replace(BASELINE.updated, reason="\udcff")), "no baseline can be written of a name"),
        (
            replace(BASELINE, model_size=-1),
            r"test_svm\.json cannot be written \(it could not be read again: .* at \$\.model_size: Expected `int` >= 0",
        ),
        (replace(BASELINE, versions={"x": "y" * 5 * 2**20}), r"test_svm\.json cannot be written \(it is 5 MiB long"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(path: Path, broken: object, message: str) -> None:
    save_baseline(path, BASELINE, PREDICTIONS)
    before = contents(path.parent)
    with pytest.raises(GateError, match=message):
        save_baseline(path, broken, PREDICTIONS + 1)
    assert contents(path.parent) == before
