"""The two ways in which a gate can refuse to give a verdict."""

from __future__ import annotations


class GateError(Exception):
    """This model, these inputs or this baseline cannot be judged: the gate fails with the message."""


class ConfigError(Exception):
    """The settings are wrong: the run ends with exit code 4 and the message."""


def described(error: BaseException) -> str:
    """``ValueError: too few``, or the name alone of an error that says nothing."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def model_raised(error: Exception, when: str) -> GateError:
    """The refusal of a model that raised; ``when`` ends the sentence. To be raised ``from`` the error itself."""
    name, colon, text = described(error).partition(": ")
    return GateError(f"the model raised {name} {when}{colon}{text}")
