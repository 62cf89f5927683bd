"""Remarks on a model's proportions: worth a thought, never a verdict."""

from __future__ import annotations

from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.verdict import Reason, because
from pytest_speedacc.measure.measurement import Statics
from pytest_speedacc.measure.subject import Subject

FAR_ABOVE = 10
"""Parameters for each training sample from which on a model may be learning them by heart."""


def advice(subject: Subject, statics: Statics) -> list[Reason]:
    """What the number of parameters says beside that of training samples and of features, where they are known."""
    if isinstance(statics.parameters, Unavailable) or subject.score is None:
        return []
    parameters, samples, features = statics.parameters.total, subject.training_samples, subject.features
    said = []
    if samples and parameters > FAR_ABOVE * samples:
        each = parameters / samples
        said.append(because("many parameters", parameters=parameters, samples=samples, each=each))
    if features and parameters < features:
        said.append(because("few parameters", parameters=parameters, features=features))
    return said
