"""Known patterns of slow models: library functions below which a call spends time that it need not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

from pytest_speedacc.measure.places import package

KNOWN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "rows of pandas": (("pandas", "FrameColumnApply.apply"),),
    "pandas to arrays": (("pandas", "*.to_numpy"), ("pandas", "*.__array__")),
    "arrays to pandas": (("pandas", "DataFrame.__init__"),),
    "polars to others": tuple(
        ("polars", f"*.{name}") for name in ("to_numpy", "__array__", "to_pandas", "to_torch", "to_arrow")
    ),
    "others to polars": (("polars", "DataFrame.__init__"),),
    "DMatrix": (("xgboost", "DMatrix.__init__"),),
    "frames to xgboost": tuple(
        ("xgboost", name) for name in ("_transform_pandas_df", "_transform_polars_df", "_transform_arrow_table")
    ),
    "frames to lightgbm": (("lightgbm", "_data_from_pandas"),),
    "sparse to dense": (("scipy", "*.toarray"), ("scipy", "*.todense")),
    "tensors to arrays": (("torch", "*.__array__"),),
    "validation": tuple(
        ("sklearn", name)
        for name in (
            "validate_data",
            "*._validate_data",  # before scikit-learn 1.6
            "check_array",
            "check_is_fitted",
            "_check_feature_names",
            "*._check_feature_names",
        )
    ),
}
"""By the pattern's name: packages and qualified names, as yappi tells them, of functions written in Python. What is
written in C, as ``torch.from_numpy``, is not seen. A method is named after the class that first called it."""


def known_seconds(stats: Collection[Any], calls: int) -> dict[str, float]:
    """Seconds that each of ``calls`` calls spent in known functions and below them, by pattern; those found alone.

    ``stats`` are yappi's. A known function below another one of its pattern counts once where that one calls it itself.
    """
    packages = {owner for places in KNOWN.values() for owner, _ in places}
    found = [(stat, of) for stat in stats if (of := package(str(stat.module))) in packages]
    seconds = {}
    for name, places in KNOWN.items():
        matched = {
            stat.index: stat
            for stat, of in found
            if any(of == owner and fnmatchcase(stat.name, pattern) for owner, pattern in places)
        }
        if matched:
            nested = sum(
                child.ttot
                for stat in matched.values()
                for child in stat.children
                if child.index in matched and child.index != stat.index
            )
            seconds[name] = max(0.0, sum(stat.ttot for stat in matched.values()) - nested) / calls
    return seconds
