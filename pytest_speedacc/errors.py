"""The two ways in which a gate can refuse to give a verdict."""

from __future__ import annotations


class GateError(Exception):
    """This model, these inputs or this baseline cannot be judged: the gate fails with the message."""


class ConfigError(Exception):
    """The settings are wrong: the run ends with exit code 4 and the message."""


def model_raised(error: Exception, when: str) -> GateError:
    """The refusal of a model that raised; ``when`` ends the sentence. To be raised ``from`` the error itself."""
    return GateError(f"the model raised {type(error).__name__} {when}: {error}")
