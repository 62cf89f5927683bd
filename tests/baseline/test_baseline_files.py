"""The files of a baseline: names never clash, writing is all or nothing, equal content is equal bytes."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from baseline_examples import BASELINE, TEST
from damaged_files import baselines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pytest_speedacc.baseline import Baseline, baseline_path, load_baseline, load_predictions, save_baseline
from pytest_speedacc.baseline.document import decode_document, encode_document
from pytest_speedacc.baseline.files import LONGEST_NAME, guessed_test, is_named_after, predictions_path
from pytest_speedacc.baseline.predictions import encode_predictions
from pytest_speedacc.errors import GateError

PREDICTIONS = np.array([0, 1, 2])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return baseline_path(tmp_path / "baselines", TEST, "")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


IN_A_CLASS = baseline_path(Path("b"), "tests/gates/test_it.py::TestX::test_a[one]", "")
PLAIN = baseline_path(Path("b"), "tests/test_it.py::test_a[one]", "small")
LONG = baseline_path(Path("b"), f"tests/{'x' * 300}.py::test_a", "")


@pytest.mark.parametrize(
    ("path", "place", "is_there"),
    [
        *((IN_A_CLASS, place, True) for place in ("", ".", "tests", "tests/gates", "tests/gates/test_it.py")),
        *((PLAIN, place, True) for place in ("tests", "tests/test_it.py", "tests/test_it.py::test_a")),
        *((PLAIN, f"tests/test_it.py::test_a[one]{rest}", True) for rest in ("", "@small")),
        (IN_A_CLASS, "tests/gates/test_it.py::TestX", True),
        (IN_A_CLASS, "tests/gates/test_it.py::TestX::test_a", True),
        (LONG, f"tests/{'x' * 300}.py", True),
        (LONG, f"tests/{'y' * 300}.py", False),
        (baseline_path(Path("b"), "tests/test_it.py::test_é", ""), "tests/test_it.py::test_é", True),
        (PLAIN, "tests/test_i.py", False),
        (PLAIN, "tests/test_it.py::test_", False),
        (PLAIN, "tests/test_it.py::test_b", False),
        (PLAIN, "test", False),
        (PLAIN, "test_it.py", False),
        (IN_A_CLASS, "tests/gates/test_it.py::Test", False),
    ],
)
def test_a_file_tells_by_its_name_where_its_test_may_be(path: Path, place: str, is_there: bool) -> None:
    assert is_named_after(path, place) is is_there


@pytest.mark.parametrize(
    ("file", "test"),
    [
        ("tests-gates-test_it--test_a.json", "tests/gates/test_it.py::test_a"),
        ("test_it--TestX--test_a[one].json", "test_it.py::TestX::test_a[one]"),
        ("note.json", ""),
    ],
)
def test_the_test_of_a_file_is_guessed_by_its_name(file: str, test: str) -> None:
    assert guessed_test(Path("b", file)) == test


@pytest.mark.parametrize(
    ("test", "name", "file"),
    [
        ("tests/test_digits.py::test_svm", "", "tests-test_digits--test_svm.json"),
        ("test_digits.py::test_svm", "small", "test_digits--test_svm@small.json"),
        ("tests/test_digits.py::test_svm[0.5-rbf]", "", "tests-test_digits--test_svm[0.5-rbf].json"),
    ],
)
def test_a_plain_test_has_a_plain_file(tmp_path: Path, test: str, name: str, file: str) -> None:
    assert baseline_path(tmp_path, test, name) == tmp_path / file


@pytest.mark.parametrize(
    ("test", "name", "start"),
    [
        ("tests/test_x.py::TestModel::test_y", "", "tests-test_x--TestModel--test_y-"),
        ("tests/test_x.py::test_y[a/b]", "", "tests-test_x--test_y[a-b]-"),
        ("tests/test_x.py::test_y[../../etc]", "", "tests-test_x--test_y[..-..-etc]-"),
        ("tests/größe.py::test_y[\N{SNOWMAN}:*?]", "", "tests-gr_e--test_y[_]-"),
        ("my-tests/test_x.py::test_y", "", "my-tests-test_x--test_y-"),
        ("tests/test_x.py::test_y", "Größer als", "tests-test_x--test_y@Gr_er_als-"),
        ("tests/test_x.py::test_y[\ud800]", "", "tests-test_x--test_y[_]-"),
        ("tests/test_x.py::test_y[" + "long" * 100 + "]", "", "tests-test_x--test_y[longlong"),
    ],
    ids=["capitals", "slash", "escape", "not ASCII", "dash", "name", "lone surrogate", "long"],
)
def test_anything_else_gets_a_digest(tmp_path: Path, test: str, name: str, start: str) -> None:
    file = baseline_path(tmp_path, test, name)
    assert file.parent == tmp_path
    assert re.fullmatch(re.escape(start) + r".*[0-9a-f]{12}\.json", file.name)


@pytest.mark.parametrize("test", ["tests/test_x.py::test_y", "tests/test_x.py::test_Y"])
def test_a_name_is_no_part_of_the_test(tmp_path: Path, test: str) -> None:
    assert baseline_path(tmp_path, test, "b") != baseline_path(tmp_path, f"{test}@b", "")
    assert baseline_path(tmp_path, test, "b@c") != baseline_path(tmp_path, f"{test}@b", "c")


node_ids = st.one_of(
    st.from_regex(r"\A[aA_]{1,2}(/[aA-]{1,2})?\.py(::[aA_]{1,2}){1,2}(\[[aA@./:-]{1,3}\])?\Z"),
    st.text(max_size=300),
)


@given(one=st.tuples(node_ids, st.text(max_size=5)), other=st.tuples(node_ids, st.text("aA@[]-", max_size=3)))
def test_no_two_checks_share_a_file_on_any_file_system(one: tuple[str, str], other: tuple[str, str]) -> None:
    files = [baseline_path(Path("folder"), *check).name for check in (one, other)]
    assert (files[0].lower() == files[1].lower()) == (one == other)
    for file in files:
        assert len(file.encode("ascii")) <= LONGEST_NAME
        assert not set(file) & set('<>:"/\\|?*')
        assert file.split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}


def test_what_is_saved_is_loaded(path: Path) -> None:
    save_baseline(path, BASELINE, PREDICTIONS)
    loaded = load_baseline(path, TEST, "")
    assert loaded is not None
    assert replace(loaded, predictions=None) == BASELINE
    assert load_predictions(path, loaded).tolist() == [0, 1, 2]


def test_without_predictions_there_is_one_file(path: Path) -> None:
    save_baseline(path, BASELINE, PREDICTIONS)
    save_baseline(path, BASELINE, None)
    assert contents(path.parent).keys() == {path.name}
    loaded = load_baseline(path, TEST, "")
    assert loaded == BASELINE
    assert load_predictions(path, loaded) is None


def test_no_file_is_no_baseline(path: Path) -> None:
    assert load_baseline(path, TEST, "") is None


def test_the_text_is_made_for_review(path: Path) -> None:
    save_baseline(path, BASELINE, None)
    text = path.read_text()
    assert text.startswith('{\n  "schema": 1,\n  "test": "tests/test_digits.py::test_svm",\n  "name": "",\n')
    assert text.endswith("}\n")
    assert '"value": 0.9733333333333334,' in text
    assert '"median": 0.001,' in text


def test_the_same_content_gives_the_same_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_baseline(path, BASELINE, PREDICTIONS)
    first = contents(path.parent)
    monkeypatch.setattr("time.time", lambda: 0.0)
    backwards = replace(BASELINE, versions=dict(reversed(BASELINE.versions.items())))
    save_baseline(path, backwards, PREDICTIONS.astype(np.int64))
    assert contents(path.parent) == first


def test_saving_follows_the_umask(path: Path) -> None:
    save_baseline(path, BASELINE, PREDICTIONS)
    path.parent.joinpath("ordinary").touch()
    modes = {file.stat().st_mode for file in path.parent.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_what_cannot_be_written_leaves_the_old_files(path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    save_baseline(path, BASELINE, PREDICTIONS)
    before = contents(path.parent)

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        if failing == "fsync":
            patch.setattr(os, "fsync", full)
        else:
            patch.setattr(Path, "replace", full)
        with pytest.raises(GateError, match=r"test_svm\.json cannot be written \(No space left on device\)"):
            save_baseline(path, replace(BASELINE, parameters=1), PREDICTIONS + 1)
    assert contents(path.parent) == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_disk_that_fills_up_while_writing_leaves_the_old_files(path: Path) -> None:
    save_baseline(path, BASELINE, PREDICTIONS)
    before = contents(path.parent)
    program = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy
from baseline_examples import BASELINE
from pytest_speedacc.baseline import save_baseline
from pytest_speedacc.errors import GateError

resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))  # the predictions fit, the document does not
try:
    save_baseline(Path({str(path)!r}), BASELINE, numpy.array([1, 1, 1]))
except GateError as error:
    print(error)
"""
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", program], env=paths, check=True, capture_output=True, text=True)
    assert "cannot be written (File too large), and was left as it was" in ran.stdout
    assert contents(path.parent) == before


def test_a_read_only_folder_is_an_error(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o500)
    if os.access(path.parent, os.W_OK):
        pytest.skip("this user may write everywhere")
    try:
        with pytest.raises(GateError, match=r"cannot be written \(Permission denied\).*make the folder writable"):
            save_baseline(path, BASELINE, PREDICTIONS)
        assert contents(path.parent) == {}
    finally:
        path.parent.chmod(0o700)


def test_a_folder_that_is_a_file_is_an_error(path: Path) -> None:
    path.parent.write_text("not a folder")
    with pytest.raises(GateError, match="cannot be written"):
        save_baseline(path, BASELINE, PREDICTIONS)
    assert path.parent.read_text() == "not a folder"


def test_a_link_is_replaced_and_not_followed(path: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("precious")
    path.parent.mkdir()
    path.symlink_to(outside)
    save_baseline(path, BASELINE, None)
    assert outside.read_text() == "precious"
    assert not path.is_symlink()


def damage_missing(arrays: Path) -> None:
    arrays.unlink()


def damage_other_update(arrays: Path) -> None:
    arrays.write_bytes(encode_predictions(PREDICTIONS + 1))


def damage_truncated(arrays: Path) -> None:
    arrays.write_bytes(arrays.read_bytes()[:-1])


def damage_directory(arrays: Path) -> None:
    arrays.unlink()
    arrays.mkdir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_missing, r"test_svm\.\w{16}\.npz is missing, and .*test_svm\.json refers to it"),
        (damage_other_update, r"test_svm\.\w{16}\.npz is damaged: it is not the one that .*json was written with"),
        (damage_truncated, r"not the one"),
        (damage_directory, r"not an ordinary file"),
    ],
)
def test_predictions_of_another_update_are_refused(path: Path, damage: Any, message: str) -> None:
    save_baseline(path, BASELINE, PREDICTIONS)
    loaded = load_baseline(path, TEST, "")
    assert loaded is not None
    damage(predictions_path(path, loaded.predictions))
    with pytest.raises(GateError, match=message):
        load_predictions(path, loaded)


def test_predictions_must_be_as_many_as_the_samples(path: Path) -> None:
    save_baseline(path, BASELINE, np.zeros((4, 2)))
    loaded = load_baseline(path, TEST, "")
    assert loaded is not None
    with pytest.raises(GateError, match=r"its shape is \(4, 2\), for 3 samples"):
        load_predictions(path, loaded)


# A whole file takes long to make up where a machine is busy.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(baselines)
def test_every_baseline_survives_the_round_trip(baseline: Baseline) -> None:
    assert decode_document(Path("file.json"), encode_document(baseline)) == baseline
