"""Decisions about noise: pure functions of numbers, without scipy, which takes a second to import."""

from .alike import alike, judge_calls
from .betting import winnings
from .binomial import at_least, at_most, proportion_interval
from .paired import (
    Flips,
    Interval,
    McNemar,
    difference_interval,
    mcnemar,
    resolvable_drop,
)
from .quantiles import (
    QuantileVerdict,
    judge_quantile,
    largest_allowed,
    look_sizes,
    quantile,
    quantile_interval,
    spend,
)
from .resampling import score_difference
from .sequence import (
    FEWEST_LAUNCHES,
    SD_FLOOR,
    Bounds,
    LaunchVerdict,
    half_width,
    half_width_once,
    judge_launches,
    launch_bounds,
    prediction_interval,
    resolution,
)

__all__ = [
    "FEWEST_LAUNCHES",
    "SD_FLOOR",
    "Bounds",
    "Flips",
    "Interval",
    "LaunchVerdict",
    "McNemar",
    "QuantileVerdict",
    "alike",
    "at_least",
    "at_most",
    "difference_interval",
    "half_width",
    "half_width_once",
    "judge_calls",
    "judge_launches",
    "judge_quantile",
    "largest_allowed",
    "launch_bounds",
    "look_sizes",
    "mcnemar",
    "prediction_interval",
    "proportion_interval",
    "quantile",
    "quantile_interval",
    "resolution",
    "resolvable_drop",
    "score_difference",
    "spend",
    "winnings",
]
