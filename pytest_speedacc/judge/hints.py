"""What to do about a known pattern of slow models."""

from __future__ import annotations

from pytest_speedacc.measure.profile import Function, Profile

FEWEST_SAMPLES = 8
"""A batch in which as many calls as samples are no accident."""
SMALLEST_SHARE = 0.1
"""Of a call, that is worth a hint."""
SMALLEST_VALIDATION = 0.3
SMALLEST_GROWTH = 0.03
"""Of a call of the base: a pattern that takes so much longer has grown."""
ROWS = "rows of pandas"
VALIDATION = "validation"
CONVERSIONS = {
    "pandas to arrays": "a pandas frame is turned into an array: convert it once, before the model, or pass arrays",
    "arrays to pandas": "a pandas frame is built: work on the array, or build the frame once, before the model",
    "polars to others": "a polars frame is converted: convert it once, before the model, or stay in polars",
    "others to polars": "a polars frame is built: work on what it is built of, or build it once, before the model",
    "DMatrix": "a DMatrix is built: Booster.inplace_predict takes an array as it is",
    "frames to xgboost": "XGBoost copies a frame column by column: pass one float32 array",
    "frames to lightgbm": "LightGBM turns a frame into an array: pass one float32 or float64 array",
    "sparse to dense": "a sparse matrix is made dense: keep it sparse, or make it dense once, before the model",
    "tensors to arrays": "a tensor is turned into an array: stay in torch until the result",
}
"""What happens on each call, and what to do about it."""


def hints(profile: Profile, base: Profile | None = None) -> tuple[str, ...]:
    """What to do about the known patterns in a profile, a line each.

    With a ``base``, only about those that it does not have, or that take longer by 3 % of its call or more.
    """
    found = []
    if ROWS in profile.known and _has_grown(ROWS, profile, base):
        found.append(
            "pandas calls a Python function for each row (apply with axis=1): column operations do that at once"
        )
    elif function := _once_a_sample(profile, base):
        each = round(function.calls / profile.batch_size)
        often = "once" if each == 1 else f"{each} times"
        found.append(
            f"{function.place} is called {often} for each of the "
            f"{profile.batch_size} samples: let it take the whole batch, with operations on arrays or columns"
        )
    for name, what in CONVERSIONS.items():
        if _share(name, profile) >= SMALLEST_SHARE and _has_grown(name, profile, base):
            found.append(f"in {_share(name, profile) * 100:.0f} % of each call {what}")
    validation = _share(VALIDATION, profile)
    if profile.batch_size == 1 and validation >= SMALLEST_VALIDATION and _has_grown(VALIDATION, profile, base):
        found.append(
            f"in {validation * 100:.0f} % of each call scikit-learn checks its single sample: predict larger batches, "
            "or in sklearn.config_context(assume_finite=True, skip_parameter_validation=True)"
        )
    return tuple(f"hint: {each}" for each in found)


def _once_a_sample(profile: Profile, base: Profile | None) -> Function | None:
    """The function that takes the longest of those called once, or a few times, for each sample of the batch."""
    size = profile.batch_size
    before = {each.key: each.calls for each in base.functions} if base else {}
    called = [
        each
        for each in profile.functions
        if size >= FEWEST_SAMPLES
        and each.calls >= size
        and each.calls % size == 0
        and each.total >= SMALLEST_SHARE * profile.seconds
        and each.calls > before.get(each.key, 0.0)
    ]
    return max(called, key=lambda each: each.total, default=None)


def _share(name: str, profile: Profile) -> float:
    return profile.known.get(name, 0.0) / profile.seconds if profile.seconds > 0 else 0.0


def _has_grown(name: str, profile: Profile, base: Profile | None) -> bool:
    if base is None or name not in base.known:
        return True
    return profile.known[name] - base.known[name] >= SMALLEST_GROWTH * base.seconds
