"""Limits of what is read and written, met exactly and by one more; and what each error says of whom."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from baseline_examples import BASELINE, TEST
from damaged_files import ARCHIVE, SAMPLES, archive, described
from msgspec.structs import replace

from pytest_speedacc.baseline import (
    baseline_path,
    is_held,
    load_baseline,
    save_baseline,
    settle_baseline,
)
from pytest_speedacc.baseline import predictions as predictions_module
from pytest_speedacc.baseline.archive import decode_predictions, is_text
from pytest_speedacc.baseline.document import decode_document, encode_document, plain
from pytest_speedacc.baseline.files import former_predictions_path, predictions_path
from pytest_speedacc.baseline.predictions import encode_predictions
from pytest_speedacc.errors import GateError

PREDICTIONS = np.array([0, 1, 2])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return baseline_path(tmp_path / "quite" / "deep", TEST, "")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestArchive:
    END = struct.Struct("<4s4HLLH")

    @pytest.mark.parametrize("field", range(1, 8))
    def test_whatever_its_end_says_otherwise_is_refused(self, field: int) -> None:
        end = list(self.END.unpack(ARCHIVE[-self.END.size :]))
        end[field] += 1
        with pytest.raises(ValueError, match="does not hold one array"):
            decode_predictions(ARCHIVE[: -self.END.size] + self.END.pack(*end), SAMPLES)

    @pytest.mark.parametrize(("flag", "refused"), [(1, True), (2, False)])
    def test_an_encrypted_one_is_refused_and_one_that_was_packed_slowly_is_not(self, flag: int, refused: bool) -> None:
        data = bytearray(ARCHIVE)
        for header, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            data[data.index(header) + place] |= flag
        if refused:
            with pytest.raises(ValueError, match="packed in a way that no baseline is"):
                decode_predictions(bytes(data), SAMPLES)
        else:
            assert decode_predictions(bytes(data), SAMPLES).tolist() == decode_predictions(ARCHIVE, SAMPLES).tolist()

    def test_as_many_dimensions_as_numpy_has_are_read(self) -> None:
        given = np.arange(SAMPLES, dtype=float).reshape((SAMPLES,) + (1,) * 31)
        assert decode_predictions(encode_predictions(given), SAMPLES).shape == given.shape

    def test_an_array_file_of_the_second_version_is_read(self) -> None:
        file = io.BytesIO()
        np.lib.format.write_array(file, PREDICTIONS, version=(2, 0))
        assert decode_predictions(archive(file.getvalue()), SAMPLES).tolist() == [0, 1, 2]

    @pytest.mark.parametrize(
        ("point", "text"),
        [(0xD7FF, True), (0xD800, False), (0xDFFF, False), (0xE000, True), (0x10FFFF, True), (0x110000, False)],
    )
    def test_texts_are_unicode(self, point: int, text: bool) -> None:
        for order in "<>":
            items = np.array([65, point], dtype=f"{order}u4").view(f"{order}U1")
            assert is_text(items) is text
        data = archive(described("<U1", "(3,)", struct.pack("<3I", 65, point, 65)))
        if text:
            assert decode_predictions(data, SAMPLES).tolist() == ["A", chr(point), "A"]


class TestPredictions:
    @pytest.mark.parametrize(
        ("given", "most", "mebibytes"),
        [
            # Integers are read back at full width, whatever they are stored as.
            (np.zeros(2 * 2**20, dtype=np.uint8), 10 * 2**20, "16"),
            (np.zeros(2 * 2**20, dtype=np.uint8), 16 * 2**20, None),
            (np.full(2 * 2**20, 2**40), 16 * 2**20 - 1, "16"),
            (np.zeros(2 * 2**20, dtype=np.float32), 8 * 2**20 - 1, "8"),
            (np.zeros(2 * 2**20, dtype=np.float32), 8 * 2**20, None),
            (np.zeros(2 * 2**20, dtype=bool), 2 * 2**20, None),
        ],
    )
    def test_they_are_measured_as_they_are_read(
        self, monkeypatch: pytest.MonkeyPatch, given: np.ndarray[Any, Any], most: int, mebibytes: str | None
    ) -> None:
        monkeypatch.setattr(predictions_module, "LARGEST", most)
        if mebibytes is None:
            encode_predictions(given)
        else:
            with pytest.raises(GateError, match=rf"^the predictions are {mebibytes} MiB, and a baseline holds at most"):
                encode_predictions(given)

    def test_what_does_not_shrink_is_refused_by_the_size_of_its_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given = np.random.default_rng(0).random(3 * 2**17)
        length = len(encode_predictions(given))
        monkeypatch.setattr(predictions_module, "LARGEST_FILE", length)
        assert len(encode_predictions(given)) == length
        monkeypatch.setattr(predictions_module, "LARGEST_FILE", 2**20)
        with pytest.raises(GateError, match=r"^the predictions are 3 MiB, and a baseline holds at most 1 MiB of them"):
            encode_predictions(given)

    def test_a_text_that_is_not_unicode_is_refused_with_a_sentence(self) -> None:
        with pytest.raises(GateError, match=r"^a prediction is a text that is not Unicode: let the model return one"):
            encode_predictions(np.array(["fine", "\ud800"]))

    @pytest.mark.parametrize("values", [[["a", "b"], ["c", "d"], ["e", "f"]], [[1, 2], [3, 4], [5, 6]]])
    def test_objects_keep_their_shape(self, values: list[list[Any]]) -> None:
        decoded = decode_predictions(encode_predictions(np.array(values, dtype=object)), 3)
        assert decoded.tolist() == values


class TestDocument:
    def test_what_a_message_quotes_is_short_and_obeyed_by_no_terminal(self) -> None:
        assert plain("x" * 300) == "x" * 300
        assert plain("x" * 301) == "x" * 300 + "..."
        assert plain("\x1b[31mred\n::error::größe") == r"\x1b[31mred\x0a::error::größe"

    def test_other_letters_than_those_of_ascii_are_text(self, path: Path) -> None:
        named = replace(BASELINE, name="größe ☃ \N{PILE OF POO}", versions={"größe": "☃"})
        assert decode_document(path, encode_document(named)) == named

    @pytest.mark.parametrize(
        ("part", "damaged"),
        [
            ('"name": ""', '"name": "\\ud800"'),
            ('"numpy"', '"\\udfffnumpy"'),
        ],
    )
    def test_half_a_character_is_none(self, path: Path, part: str, damaged: str) -> None:
        document = encode_document(BASELINE).decode().replace(part, damaged, 1)
        with pytest.raises(GateError, match="is not Unicode text"):
            decode_document(path, document.encode())

    def test_half_a_character_to_be_written_is_shown(self) -> None:
        with pytest.raises(GateError, match=re.escape(r"holds half of a character ('\ud800', a lone surrogate)")):
            encode_document(replace(BASELINE, name="x\ud800"))


class TestFiles:
    def test_a_name_of_200_bytes_is_the_longest_that_is_written_plainly(self, tmp_path: Path) -> None:
        longest = "test_x.py::test_" + "y" * (200 - len("test_x--test_.json"))
        assert baseline_path(tmp_path, longest, "").name == longest.replace(".py::", "--") + ".json"
        longer = baseline_path(tmp_path, longest + "y", "").name
        assert len(longer) == 200
        assert longer.endswith(f"-{hashlib.sha256(f'{longest}y'.encode() + bytes(1)).hexdigest()[:12]}.json")

    @pytest.mark.parametrize(
        ("spoil", "what"),
        [
            (lambda path: path.mkdir(), "it is not an ordinary file"),
            (lambda path: path.symlink_to("gone.json"), "it is a link to nothing"),
            (lambda path: path.symlink_to(path.name), "it cannot be read (Too many levels of symbolic links)"),
            pytest.param(
                lambda path: (path.touch(), os.truncate(path, 2**42)),
                "it is larger than 4 MiB, which no baseline is",
                marks=pytest.mark.skipif(sys.platform == "win32", reason="needs files with holes"),
            ),
            (lambda path: path.write_bytes(b"{"), None),
        ],
        ids=["folder", "link to nothing", "link to itself", "endless", "cut"],
    )
    def test_what_cannot_be_read_is_named(
        self, tmp_path: Path, spoil: Callable[[Path], object], what: str | None
    ) -> None:
        path = tmp_path / "baseline.json"
        spoil(path)
        with pytest.raises(GateError) as error:
            load_baseline(path, TEST, "")
        place = "" if what else " at line 1, column 2"
        assert str(error.value).startswith(f"the baseline file {path} is damaged{place}: {what or 'it is not JSON'}")


class TestUpdate:
    def test_folders_on_the_way_are_made(self, path: Path) -> None:
        save_baseline(path, BASELINE, PREDICTIONS)
        assert is_held(path, load_baseline(path, TEST, ""), PREDICTIONS)

    def test_only_the_same_predictions_are_held(self, path: Path) -> None:
        save_baseline(path, BASELINE, PREDICTIONS)
        stored = load_baseline(path, TEST, "")
        assert not is_held(path, stored, PREDICTIONS + 1)
        assert not is_held(path, replace(stored, predictions=None), PREDICTIONS)
        predictions_path(path, stored.predictions).unlink()
        assert not is_held(path, stored, PREDICTIONS)

    def test_a_folder_that_cannot_be_flushed_costs_nothing(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = os.open

        def refused(path: Any, *arguments: Any, **options: Any) -> int:
            if Path(path).is_dir():
                raise PermissionError(errno.EACCES, "as on Windows")
            return opened(path, *arguments, **options)

        monkeypatch.setattr(os, "open", refused)
        save_baseline(path, BASELINE, PREDICTIONS)
        assert is_held(path, load_baseline(path, TEST, ""), PREDICTIONS)

    def test_settling_twice_changes_nothing(self, path: Path) -> None:
        save_baseline(path, BASELINE, PREDICTIONS)
        before = contents(path.parent)
        for _ in range(2):
            settle_baseline(path, load_baseline(path, TEST, "").predictions)
            assert contents(path.parent) == before

    def test_settling_without_predictions_removes_those_of_former_updates(self, path: Path) -> None:
        save_baseline(path, BASELINE, None)
        before = contents(path.parent)
        former_predictions_path(path).write_bytes(encode_predictions(PREDICTIONS))
        settle_baseline(path, None)
        assert contents(path.parent) == before

    @pytest.mark.parametrize(
        ("attempt", "remedy"),
        [
            (lambda path: save_baseline(path, BASELINE, PREDICTIONS), "make room or make the folder writable"),
            (lambda path: settle_baseline(path, "sha256:" + "0" * 64), "make the folder writable"),
        ],
        ids=["save", "settle"],
    )
    @pytest.mark.parametrize(("error", "why"), [(OSError(errno.EROFS, "Read-only"), "Read-only"), (OSError("x"), "x")])
    def test_what_cannot_be_renamed_is_named_with_the_remedy(
        self,
        path: Path,
        monkeypatch: pytest.MonkeyPatch,
        attempt: Callable[[Path], None],
        remedy: str,
        error: OSError,
        why: str,
    ) -> None:
        path.parent.mkdir(parents=True)
        former_predictions_path(path).write_bytes(encode_predictions(PREDICTIONS))

        def refused(*_: Any) -> None:
            raise error

        monkeypatch.setattr(Path, "replace", refused)
        with pytest.raises(GateError) as told:
            attempt(path)
        left = f"the baseline {path} cannot be written ({why}), and was left as it was"
        assert str(told.value) == f"{left}: {remedy}, then run the update again."

    @pytest.mark.parametrize(
        ("broken", "why", "remedy"),
        [
            (
                {"model_size": -1},
                "it could not be read again: the baseline file {path} is",
                "mend what is out of range",
            ),
            ({"versions": {"x": "y" * 5 * 2**20}}, "it is 5 MiB long)", "remove environments from it"),
        ],
    )
    def test_what_could_not_be_read_again_is_named_with_the_remedy(
        self, path: Path, broken: dict[str, Any], why: str, remedy: str
    ) -> None:
        with pytest.raises(GateError) as told:
            save_baseline(path, replace(BASELINE, **broken), None)
        assert str(told.value).startswith(f"the baseline {path} cannot be written ({why.format(path=path)}")
        assert f", and was left as it was: {remedy}, then run the update again." in str(told.value)
