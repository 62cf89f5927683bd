"""The outputs of steps as rows: whatever is returned, what differs is seen, and what rounding does is not."""

from __future__ import annotations

from collections import UserDict
from dataclasses import dataclass

import numpy as np
import pytest

from pytest_speedacc.baseline.archive import decode_predictions
from pytest_speedacc.baseline.predictions import encode_predictions
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure import outputs
from pytest_speedacc.measure.outputs import CLOSENESS, DIGEST, changed, compact, is_exact, joined, rows_of

NUMBERS = np.random.default_rng(0).normal(size=(6, 3))
TEXTS = ["a", "bb", "", "dß", "e" * 40, "f"]
TOKENS = [[1, 2, 3], [4], [], [5, 6], [7] * 9, [8]]


def moved(array, sample=4):
    """The same but for one number of one sample."""
    other = np.array(array)
    other[sample, ..., -1] += 1
    return other


def put(values, other, sample=4):
    """The same but for one sample."""
    return [*values[:sample], other, *values[sample + 1 :]]


@dataclass(frozen=True)
class Kind:
    """What a step may return: ``make`` takes a sequence of samples apart, so that batches can be cut from it."""

    before: object
    now: object
    """Another output for sample 4 only."""
    alike: tuple[object, ...] = ()
    """The same outputs in another form."""


def plain_kinds():
    ragged = [np.arange(length, dtype=float) for length in (3, 1, 0, 2, 9, 1)]
    nested = [{"words": text.split(), "score": number} for text, number in zip(TEXTS, NUMBERS[:, 0], strict=True)]
    missing = NUMBERS.copy()
    missing[2, 1], missing[3, 0] = np.nan, np.inf
    return {
        "floats": Kind(NUMBERS, moved(NUMBERS), (NUMBERS.astype(np.float32), np.asfortranarray(NUMBERS))),
        "one float each": Kind(NUMBERS[:, 0], put(NUMBERS[:, 0], 5.0), (NUMBERS[:, 0].tolist(),)),
        "missing numbers": Kind(missing, moved(missing), (missing.copy(),)),
        "missing number that is there": Kind(put(missing, [np.nan] * 3), put(missing, [np.nan, np.nan, 1.0])),
        "pictures": Kind(NUMBERS.reshape(6, 1, 3, 1), moved(NUMBERS.reshape(6, 1, 3, 1))),
        "complex": Kind(NUMBERS + 1j, moved(NUMBERS + 1j)),
        "counts": Kind(
            np.arange(12).reshape(6, 2),
            moved(np.arange(12).reshape(6, 2)),
            (np.arange(12, dtype=np.int8).reshape(6, 2),),
        ),
        "large counts": Kind(np.arange(6, dtype=np.uint64) + 2**63, put(list(range(2**63, 2**63 + 6)), 2**63 + 6)),
        "truths": Kind(np.arange(6) > 2, put(np.arange(6) > 2, False), ((np.arange(6) > 2).tolist(),)),
        "masks": Kind([[True, False]] * 6, put([[True, False]] * 6, [True, True]), (np.array([[True, False]] * 6),)),
        "texts": Kind(TEXTS, put(TEXTS, "e"), (np.array(TEXTS), np.array(TEXTS, dtype=object), tuple(TEXTS))),
        "bytes": Kind([text.encode() for text in TEXTS], put([text.encode() for text in TEXTS], b"")),
        "tokens": Kind(TOKENS, put(TOKENS, [7] * 8), ([np.array(each, dtype=int) for each in TOKENS],)),
        "words": Kind([text.split() for text in TEXTS], put([text.split() for text in TEXTS], ["e", "e"])),
        "vectors of several lengths": Kind(
            ragged, put(ragged, ragged[4][:-1]), ([each.astype("f4") for each in ragged],)
        ),
        "records": Kind(
            nested, put(nested, {"words": [], "score": 0.0}), ([dict(reversed(each.items())) for each in nested],)
        ),
        "mixed lists": Kind([[1, 0.5, None, "x"]] * 6, put([[1, 0.5, None, "x"]] * 6, [1, 0.5, None, "y"])),
        "arrays by name": Kind(
            {"ids": TOKENS, "vectors": NUMBERS},
            {"ids": TOKENS, "vectors": moved(NUMBERS)},
            (UserDict({"vectors": NUMBERS, "ids": TOKENS}), {"ids": TOKENS, "vectors": NUMBERS.astype("f4")}),
        ),
        "masked": Kind(np.ma.masked_equal(NUMBERS, 9.0), np.ma.masked_equal(NUMBERS, NUMBERS[4, 0])),
        "arrays in a tuple": Kind((NUMBERS, np.arange(6)), (moved(NUMBERS), np.arange(6))),
        "dates": Kind(np.arange(6).astype("M8[D]"), np.array(put(np.arange(6), 9)).astype("M8[D]")),
    }


def frame_kinds():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "a": NUMBERS[:, 0],
            "text": TEXTS,
            "b": NUMBERS[:, 1],
            "kind": pandas.Categorical(list("xyxyxx")),
            "n": range(6),
        }
    )
    return {
        "number in a frame": Kind(
            frame, frame.assign(b=put(NUMBERS[:, 1], 9.0)), (frame.set_index("text", drop=False),)
        ),
        "text in a frame": Kind(frame, frame.assign(text=put(TEXTS, "e"))),
        "category in a frame": Kind(frame, frame.assign(kind=pandas.Categorical(list("xyxyyx")))),
        "series": Kind(frame["text"], pandas.Series(put(TEXTS, "e")), (TEXTS,)),
    }


def polars_kinds():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": NUMBERS[:, 0], "text": TEXTS})
    return {"polars frame": Kind(frame, polars.DataFrame({"a": NUMBERS[:, 0], "text": put(TEXTS, "e")}))}


def sparse_kinds():
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.where(NUMBERS > 0, NUMBERS, 0)
    rows = sparse.csr_matrix(dense)
    unsorted = rows.copy()
    for begin, end in zip(rows.indptr, rows.indptr[1:], strict=False):
        unsorted.indices[begin:end] = rows.indices[begin:end][::-1]
        unsorted.data[begin:end] = rows.data[begin:end][::-1]
    unsorted.has_sorted_indices = False
    return {
        "sparse rows": Kind(rows, sparse.csr_matrix(moved(dense)), (rows.tocsc(), rows.tocoo(), unsorted)),
        "sparse counts": Kind(sparse.csr_array(np.eye(6, dtype=int)), sparse.csr_array(moved(np.eye(6, dtype=int)))),
    }


def tensor_kinds():
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(NUMBERS)
    return {
        "tensors": Kind(tensor, torch.tensor(moved(NUMBERS)), (tensor.float().requires_grad_(), NUMBERS)),
        "tensors in a tuple": Kind((tensor, tensor[:, :1]), (tensor, torch.tensor(moved(NUMBERS[:, :1])))),
        "list of tensors": Kind(list(tensor), put(list(tensor), tensor[0])),
    }


@pytest.mark.parametrize("kinds", [plain_kinds, frame_kinds, polars_kinds, sparse_kinds, tensor_kinds])
def test_one_output_that_differs_is_one_that_changed(kinds):
    for name, kind in kinds().items():
        before = rows_of(kind.before, 6)
        other = changed(before, rows_of(kind.now, 6), CLOSENESS)
        assert other.tolist() == [place == 4 for place in range(6)], name
        for form in kind.alike:
            assert not changed(before, rows_of(form, 6), CLOSENESS).any(), (name, form)


@pytest.mark.parametrize("kinds", [plain_kinds, frame_kinds, sparse_kinds, tensor_kinds])
def test_where_batches_are_cut_does_not_matter(kinds):
    for name, kind in kinds().items():
        whole = rows_of(kind.before, 6)
        parts = [rows_of(cut(kind.before, place, place + 2), 2) for place in (0, 2, 4)]
        assert not changed(whole, joined(parts), CLOSENESS).any(), name


@pytest.mark.parametrize("kinds", [plain_kinds, frame_kinds, sparse_kinds])
def test_rows_are_kept_in_a_baseline(kinds):
    for name, kind in kinds().items():
        rows = rows_of(kind.before, 6)
        kept = decode_predictions(encode_predictions(compact(rows)), 6)
        assert not changed(kept, rows, CLOSENESS).any(), name


def cut(data, start, stop):
    if isinstance(data, dict):
        return {name: value[start:stop] for name, value in data.items()}
    if isinstance(data, tuple):
        return tuple(value[start:stop] for value in data)
    return data.iloc[start:stop] if hasattr(data, "iloc") else data[start:stop]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"ids": TOKENS}, {"tokens": TOKENS}),
        ({"ids": TOKENS}, TOKENS),
        ({"ids": TOKENS, "mask": TOKENS}, {"ids": TOKENS}),
        (NUMBERS, NUMBERS[:, :2]),
        (NUMBERS, NUMBERS[:, :, None]),
        (NUMBERS.round(), NUMBERS.round().astype(int)),
        ([["a", "b"]] * 6, [["ab"]] * 6),
    ],
)
def test_a_name_or_a_shape_that_changes_is_another_output_everywhere(before, now):
    assert changed(rows_of(before, 6), rows_of(now, 6), CLOSENESS).all()


def test_columns_that_change_their_names_are_other_outputs():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": NUMBERS[:, 0], "n": range(6)})
    for other in (frame.rename(columns={"a": "b"}), frame.rename(columns={"n": "m"}), frame[["n", "a"]]):
        assert changed(rows_of(frame, 6), rows_of(other, 6), CLOSENESS).all()


def test_what_was_returned_stays_as_it_was():
    rows = pytest.importorskip("scipy.sparse").csr_matrix(([1.0, 2.0, 0.0], [2, 0, 1], [0, 2, 3]), shape=(2, 3))
    assert not rows.has_sorted_indices
    rows_of(rows, 2)
    assert (rows.indices.tolist(), rows.data.tolist()) == ([2, 0, 1], [1.0, 2.0, 0.0])


def test_texts_and_tokens_take_a_few_bytes_a_sample():
    texts = [f"a long text of many words, number {place} " * 50 for place in range(1000)]
    assert len(encode_predictions(compact(rows_of(texts, 1000)))) < 25 * 1000


class TestCloseness:
    @pytest.mark.parametrize(
        ("before", "now", "is_changed"),
        [
            # Of itself 1e-5, and 1e-6 of the largest in its place, which is 100 here.
            (50.0, 50.0 + 5.9e-4, False),
            (50.0, 50.0 - 5.9e-4, False),
            (50.0, 50.0 + 6.2e-4, True),
            (0.0, 0.9e-4, False),
            (0.0, 1.2e-4, True),
            (np.nan, np.nan, False),
            (np.nan, 0.0, True),
            (0.0, np.nan, True),
            (np.inf, np.inf, False),
            (np.inf, -np.inf, True),
            (np.inf, 1.0, True),
            (1.0, np.inf, True),
            (-0.0, 0.0, False),
        ],
    )
    def test_of_numbers(self, before, now, is_changed):
        one, other = (rows_of(np.array([[100.0], [value]]), 2) for value in (before, now))
        assert changed(one, other, 1e-5).tolist() == [False, is_changed]

    def test_every_column_has_its_own_size(self):
        income, ratio = np.full(3, 1e6), np.array([0.1, 0.2, 0.3])
        before, now = (rows_of(np.column_stack([income, each]), 3) for each in (ratio, ratio + np.array([0, 1e-4, 0])))
        assert changed(before, now, 1e-5).tolist() == [False, True, False]

    def test_it_can_be_coarser(self):
        before, now = (rows_of(each, 6) for each in (NUMBERS, NUMBERS * 1.001))
        assert changed(before, now, 1e-5).all()
        assert not changed(before, now, 1e-2).any()

    def test_a_number_beyond_single_precision_keeps_its_value(self):
        before, now = (rows_of(np.array([1e300, factor * 1e300]), 2) for factor in (2.0, 3.0))
        assert changed(before, now, 1e-5).tolist() == [False, True]

    def test_rounding_of_single_precision_is_no_change(self):
        torch = pytest.importorskip("torch")
        torch.manual_seed(0)
        layers = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.Tanh(), torch.nn.Linear(256, 16))
        inputs = torch.randn(200, 64)
        with torch.no_grad():
            exact = layers.double()(inputs.double())
            single = layers.float()(inputs)
        assert not changed(rows_of(exact, 200), rows_of(single, 200), CLOSENESS).any()


class TestTooManyNumbers:
    def test_only_digests_are_kept_and_the_last_bit_counts(self, monkeypatch):
        monkeypatch.setattr(outputs, "MOST_NUMBERS", NUMBERS.size - 1)
        rows = rows_of(NUMBERS, 6)
        kept = compact(rows)
        assert kept.shape == (6, DIGEST)
        assert is_exact(kept, rows)
        assert not changed(kept, rows, CLOSENESS).any()
        rounded = NUMBERS.copy()
        rounded[1, 0] *= 1 + 1e-6
        assert changed(kept, rows_of(rounded, 6), CLOSENESS).tolist() == [place == 1 for place in range(6)]
        assert not changed(rows, rows_of(rounded, 6), CLOSENESS).any()

    def test_as_many_as_are_kept_are_kept(self, monkeypatch):
        monkeypatch.setattr(outputs, "MOST_NUMBERS", NUMBERS.size)
        rows = rows_of(NUMBERS, 6)
        assert compact(rows) is rows
        assert not is_exact(rows, rows)

    def test_what_has_no_numbers_is_not_exact(self):
        rows = rows_of(TEXTS, 6)
        assert not is_exact(rows, rows)


@pytest.mark.parametrize(
    "kept",
    [np.zeros(6), np.zeros((6, 2)), np.zeros((6, 20), int), np.zeros((5, 20)), np.zeros((6, DIGEST)), np.array(TEXTS)],
)
def test_what_is_no_rows_is_another_output_everywhere(kept):
    assert changed(kept, rows_of(NUMBERS, 6), CLOSENESS).all()


class Unwilling:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("not today")


def squares():
    yield from range(6)


def circle():
    found = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (NUMBERS[:5], "the step returned 5 outputs for 6 samples: one each is needed."),
        ({"ids": TOKENS, "mask": TOKENS[:2]}, r"the step returned 2 outputs in \['mask'\] for 6 samples"),
        ("abcdef", "the step returned one str for 6 samples: one output each is needed, in an array, a list, a frame"),
        ({"ids": TOKENS, "loss": 0.5}, r"the step returned one float in \['loss'\] for 6 samples"),
        (np.float64(1), "the step returned one float64 for 6 samples"),
        (None, "the step returned one NoneType for 6 samples"),
        (squares(), "the step returned one generator for 6 samples"),
        ({}, "the step returned an empty dict for 6 samples"),
        ([squares()] * 6, "the outputs of the step hold a builtins.generator, of which nobody can tell whether it has"),
        ([object()] * 6, "the outputs of the step hold a builtins.object, .* or pick them out with predict="),
        (Unwilling(), r"cannot be read as arrays: they are a Unwilling \(TypeError: not today\)"),
        ([circle()] * 6, "the outputs of the step are nested too deeply, or contain themselves"),
    ],
)
def test_what_cannot_be_kept_is_refused(raw, sentence):
    with pytest.raises(GateError, match=sentence):
        rows_of(raw, 6)
