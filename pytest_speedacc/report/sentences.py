"""Every sentence of a verdict: what each rule of ``judge`` says of the values that it went by.

What joins them, such as ``; ``, begins the one that may follow another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from pytest_speedacc.judge.verdict import Check, Finding, Leg, Point, Reason, TradeSum
from pytest_speedacc.measure.launches import NEW_GATE

ADVICE = "advice: "
"""Before each remark on a model's proportions."""
NO_BASELINE = "no baseline yet"
AGAINST = "measure the base revision beside this one with --speedacc-against=REF"

SENTENCES: Mapping[str, str] = {
    # A bound, and anything that is measured.
    "text": "{text}",
    "bound": "{role} {value}",
    "bound in unit": "{role} {value:g} {unit}",
    "faster by": "faster by at least {wanted}",
    "on top": " on top of the accepted {accepted}",
    "unmeasured": "cannot be measured here: {why}",
    "change": "{change} against the {source}'s {then}",
    "exactly": "exactly the limit",
    "from limit": "{away} from the limit",
    # Plain quantities.
    "over": "{away} over the limit",
    "under": "{away} under the limit",
    "grown": ": {functions:, }",
    "grown by": "+{more} in {name}",
    "within band": ", within the {band} that this figure moves by itself",
    "band of former": " (so the {source} says; here it moved by {here})",
    "not by slice now": "the {source} has a {metric} of this slice, and here it is one number for all samples",
    "not by slice": "cannot be measured here: {metric} is one number for all samples: have measure return one number a "
    "sample",
    "unknown slice": "limits are set for the slice {name!r}, and the check was given none of that name: pass slices=",
    "new axis": "new axis: the base does not have it",
    # Times.
    "no tail": "one call is too short for this machine's clock, so {calls} calls are timed together and there is no "
    "tail to judge: limit the median, or pass a larger batch_size",
    "took longer": "{over} of {seen} {unit} took longer",
    "thin margin": "; the margin of {margin:.0%} is thinner than times move between processes (about {spread:.0%})",
    "too few alike": ", and of so few the limit must lie further off",
    "alike": ", and neighbours are so alike that {neighbours:.0f} of them tell as much as one would alone",
    "budget": ": too close to call in the budget; raise --speedacc-budget, or move the limit",
    "against": f"stored times cannot tell: {AGAINST}",
    "or against": f"; or {AGAINST}",
    "share of limit": "{share:.0%} of the limit",
    "one training": ", and times move by about {spread:.0%} between processes: too close to call",
    "busy": "{busy}, which others had: {otherwise}. Run it where nothing else runs",
    "nothing slower": "{problem}, so there is nothing yet to be slower than",
    "not timed": "not compared with the base: {problem}",
    "launch": "{now} against {then} in one launch",
    "launches": "{now} against {then} in the last of {count} launches",
    "base slower": "; the base is slower than itself by up to {noise:.1%} here and now, which could explain it",
    "close": "; too close to call here: the smallest slow-down these launches could have shown is {smallest:.1%}",
    "one launch too few": "; too close to call here: one launch is too few for any verdict",
    "too few launches": "; too close to call here: {count} launches are too few for any verdict",
    "shown slower": "; the interval shows that it is slower, and one of 95 % that it is so by more than is allowed",
    "faster": "; it is faster",
    "same measurement": "this is the measurement that the baseline is written from",
    "ratio": "ratio to the yardstick, {now} launches now and {then} in the baseline",
    "close stored": ": too close to call from a stored time, which shows slow-downs from {resolved:.0%} here; "
    "--speedacc-against=REF measures both revisions now, and sees finer",
    "other machine": "; beside {faster}, {slower} takes {longer:.0%} longer than when the baseline was written, so "
    "this is not the machine that it was, and as much is open",
    "speed": "{times:.3g} times the speed of the other; ",
    "processes": "{count} fresh processes",
    "one process": "one process, whose times may be a quarter off",
    "raise launches": ": too close to call; raise launches=",
    "pass launches": ": too close to call; pass launches=8",
    # Scores and outputs.
    "no score": "cannot be measured here: score=None has no score",
    "wrong direction": "{better} is better for the score {score!r}: use {right}",
    "in per cent": "the score {score!r} lies within 0 to 1: did you mean {meant:g}?",
    "no points": 'pp is for scores within 0 to 1, and {score!r} is not one by definition: use "1 %" or a number',
    "no unit": '{value:g} has no unit, and {score!r} lies within 0 to 1: write "{points:g} pp"',
    "no labels": "cannot be measured here: churn counts changed labels, and the score {score!r} compares none",
    "churn": "{changed} of {samples} {what} are not those of the {source}",
    "first": ", the first: sample{s} {places}",
    "to the last bit": "; to the last bit, for a baseline keeps {most:,} numbers at most: pass fewer samples",
    "rounding": "; the baseline is from another environment, whose rounding can do as much",
    "unproven": '; this set is too small to prove the drop, which accuracy_rule = "evidence" asks for',
    "not ruled out": '; a drop of {most} is not ruled out, which accuracy_rule = "noninferior" asks for',
    "not ruled out in points": '; a drop of {most:.3g} pp is not ruled out, which accuracy_rule = "noninferior" asks '
    "for",
    "nothing to go by": '; {why}, so accuracy_rule = "{rule}" has nothing to go by',
    "no predictions": "the {source} holds no predictions",
    "other shape": "the {source}'s predictions have the shape {then}, and these {now}",
    "no resampling": "the score cannot be resampled ({error})",
    "flips": "; {lost} right-to-wrong, {gained} wrong-to-right of {samples}",
    "mcnemar": ", McNemar p = {p:.3g}; this set ",
    "provable": "can prove a drop of {least:.2g} pp",
    "unprovable": "is too small to prove any drop",
    "one seed": "the {source} was evaluated under one seed, and of a random model that says little",
    "seeds": "mean of {count} evaluations under different seeds, which spread by {spread:.3g}",
    "more repeats": "; too close to call: raise repeats=",
    "assumed": "; assumed: seeds spread roughly normally, and none {unlike} unlike these {fewest} (up to {unseen:.0%} "
    "might)",
    "unstable model": "cannot be judged: the model is random, for asked twice about the first samples it gave "
    "{samples} of them two different predictions. Switch that off (evaluation mode, a seed within predict), or judge "
    "it over seeds with check(repeats=20)",
    "unstable step": "cannot be judged: the step is random: asked twice about the first samples, it gave {samples} of "
    "them two different outputs. Seed it within the step, or drop max_churn",
    # Why there is nothing to compare with.
    "no baseline": f"{NO_BASELINE}: create it with {{command}}, and commit it",
    "not held": "the baseline does not hold it: add it with {command}",
    "no axis": "the baseline of this environment holds no {axis}: add it with {command}",
    "no peak": "the baseline of this environment holds no memory peak: add it with {command}",
    "no ratio": "the baseline of this environment holds no ratio to the yardstick: add it with {command}",
    "other environment": "the baseline has nothing of this environment (it knows {known:; }): add it with {command}",
    "unlike": " ({what})",
    "batches": "the baseline is of batch_size={then}, not {now}: renew it with {command}",
    "concurrency": "the baseline is of concurrency={then}, not {now}: renew it with {command}",
    "other scale": "{other}: renew the baseline with {command}",
    "other yardstick": "the baseline's ratio is to version {then} of the yardstick, and this is {now}: renew it with "
    "{command}",
    "no parts": "the baseline's yardstick is not told in its parts, so that another machine cannot be told: renew it "
    "with {command}",
    "unmeasured ratio": "the ratio to the yardstick could not be measured: {error}",
    "of a day": "{time} on {day}",
    "no axis of versions": "the baseline holds no {title}: add them with {command}",
    "batches of versions": "the baseline's {title} are not of batch_size={batch_size}: renew them with {command}",
    "other versions": "{title} hold for the same Python and libraries only, and of those the baseline knows none "
    "({changed:, }): add them with {command}",
    "moved": "{name} {then} -> {now}",
    "no versions": "the versions are not known",
    "new gate": NEW_GATE,
    "not compared": "not compared with {base}: {problem}",
    "other task": "{base} was judged on another evaluation set or by another score",
    "base lacks": "{base} could not measure this",
    "batches of base": "the base is called with batch_size={then}, and this with {now}",
    "versions of base": "it holds for the same versions only, and beside the base they differ: {changed:, }",
    "scale of base": "in {base} {other}",
    "other lacks": "the other could not be measured in this",
    # What somebody accepted or changed.
    "accepted": "; accepted: {accepted}",
    "accepted entry": "{change} against {base}{why}",
    "accepted value": "{value}{why}",
    "predictions": "these predictions",
    "accepted in file": "accepted in the baseline file: {accepted}; ",
    "accepted now": "accepted now, against {base}{why}: ",
    "entry": "the accepted {metric} {statistic} of {accepted}",
    "does not count": "{what} does not count: ",
    "refused base": "{base} {why}",
    "no tolerance": "this gate has no tolerance for it",
    "not borne out": "this run measures {mean}, {upper} at the most, and the tolerance adds {tolerance:g} %. If it is "
    "meant, accept it anew",
    "held": "held against the baseline file as well: ",
    "unreplaced": "held against the base's own baseline file, which no update replaced: ",
    "by hand": "what was changed by hand in the baseline file excuses nothing: no update wrote it",
    "shared otherwise": "{path} is not what the baseline was made with ({then} then, {now} now), and the base runs "
    "with it as it is now: a time that it changes is the same on both sides",
    "no longer shared": "{path} ({then}), which the baseline was made with, is not shared with the base in this run",
    "newly shared": "{path} ({now}) is shared with the base, and was not when the baseline was made",
    # Trades.
    "excused": "{source} allows to {trade}, and gained is {gained: and }; ",
    "trade": "{source} allows to {trade}: given is {given: and }, gained is {gained: and }",
    "leg": "{axis} {observed}",
    "value": "{value}",
    "not known": "not known",
    "in slice": " in the slice {slice!r}",
    "too much": ", which is more",
    "not shown within": ", which is not shown to be within it",
    "not shown": ", which is not shown",
    "no time": ", since no time can be compared",
    "no gain in points": "cannot be told in points",
    "no gain in own unit": "cannot be told in its own unit",
    "no error": "the score {score!r} has no error beside it: trade accuracy",
    "over seeds": " over {count} seeds, which are taken to spread roughly normally",
    "at least": " ({value} at the least)",
    "at most": " ({value} at the most)",
    # What got worse of a score.
    "sample": "sample {index}: target {target}, now predicted {now}",
    "and more": "and {count} more",
    "class": "class {target}: {before} of {samples} right {former}, {now} now",
    "confusion": "target {target} predicted {predicted}: {now} now, {before} {former}",
    "slice": "slice {slice}: {before} before, {now} now",
    # What takes the time, and what holds the memory.
    "and": "; ",
    "then": ", ",
    "place": "{place}: ",
    "takes": "{place}: {share:.0%}, {time}, ",
    "more in": "{place}: +{more}",
    "of more": " of {total} more",
    "called": "called {count} times",
    "called once": "called once",
    "called there": " where the {where} called it {count}",
    "for each call": " for each call of the model",
    "in both": " in both",
    "not there": ", and not at all in the {where}",
    "not among": ", and not among the {count} functions of the baseline",
    "share": "{share:.0f} % of the time",
    "former share": " where it was {share:.0f} %",
    "uncounted": "call counts are not compared with those of the baseline's profile: {changed:, }",
    "by stage": "by stage: {stages:, }",
    "stage": "{name} {time} ({share:.0%})",
    "slower stage": "{name} +{more}",
    "new stage": " (not in the {beside})",
    "waiting": "of a call, {own} are its own code, {turn}{other} waiting for what it awaits",
    "turn": "{time} waiting for a turn of the event loop, ",
    "holds": "{place}: {held}, {share:.0f} %",
    "allocation": ", {count:,} allocation",
    "allocations": ", {count:,} allocations",
    "none there": ", and none in the {beside}",
    "made there": " where the {beside} made {count:,}",
    # Hints and remarks.
    "hint": "hint: {what}",
    "busy loop": "the event loop is busy with something else: run what blocks it in a thread (asyncio.to_thread)",
    "rows": "pandas calls a Python function for each row (apply with axis=1): column operations do that at once",
    "each sample": "{place} is called {often} for each of the {samples} samples: let it take the whole batch, with "
    "operations on arrays or columns",
    "times": "{count} times",
    "conversion": "in {share:.0f} % of each call {what}",
    "pandas to arrays": "a pandas frame is turned into an array: convert it once, before the model, or pass arrays",
    "arrays to pandas": "a pandas frame is built: work on the array, or build the frame once, before the model",
    "polars to others": "a polars frame is converted: convert it once, before the model, or stay in polars",
    "others to polars": "a polars frame is built: work on what it is built of, or build it once, before the model",
    "DMatrix": "a DMatrix is built: Booster.inplace_predict takes an array as it is",
    "frames to xgboost": "XGBoost copies a frame column by column: pass one float32 array",
    "frames to lightgbm": "LightGBM turns a frame into an array: pass one float32 or float64 array",
    "sparse to dense": "a sparse matrix is made dense: keep it sparse, or make it dense once, before the model",
    "tensors to arrays": "a tensor is turned into an array: stay in torch until the result",
    "validation": "in {share:.0f} % of each call scikit-learn checks its single sample: predict larger batches, or in "
    "sklearn.config_context(assume_finite=True, skip_parameter_validation=True)",
    "many parameters": ADVICE + "{parameters:,} parameters were learned from {samples:,} samples, {each:,.0f} for "
    "each: a smaller model may do as well",
    "few parameters": ADVICE + "{parameters:,} parameters are fewer than the {features:,} features: some features "
    "cannot matter, and need not be computed",
    "leak": "the column {column!r} of the inputs is equal to the targets: a model that is given it need not learn "
    "anything, so leave it out of the inputs",
}
"""By rule."""


class _Listed(list[str]):
    """Several, with what stands between them as their format: ``{names:, }``."""

    def __format__(self, between: str) -> str:
        return between.join(self)


def said(reason: Reason) -> str:
    """The reason in words."""
    return "".join(
        SENTENCES[point.rule].format_map({name: _named(value) for name, value in point.values.items()})
        for point in reason
    )


def _named(value: Any) -> Any:
    """A value as a sentence names it: what is a reason, or a list of them, in words as well."""
    if isinstance(value, list):
        return _Listed(map(said, value))
    return said(value) if isinstance(value, tuple) and all(isinstance(each, Point) for each in value) else value


def told(found: Finding) -> Check[str]:
    """What was found, in words."""
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    words = {name: said(values[name]) for name in ("allowed", "reason", "accepted")}
    return Check(**{**values, **words})


def told_trade(found: TradeSum[Reason]) -> TradeSum[str]:
    """The sum of a trade, in words."""
    given, gained = (
        tuple(Leg(leg.axis, leg.wanted, said(leg.observed), leg.holds) for leg in legs)
        for legs in (found.given, found.gained)
    )
    return TradeSum(found.trade, found.source, given, gained)


def all_said(found: Iterable[Reason]) -> tuple[str, ...]:
    """A line of words each."""
    return tuple(map(said, found))


def formerly(compared_with: str) -> str:
    """When, or by whom, a sample was right that is wrong now."""
    return "by the other" if compared_with == "other" else "before"
