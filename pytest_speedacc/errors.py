"""The two ways in which a gate can refuse to give a verdict."""

from __future__ import annotations


class GateError(Exception):
    """This model, these inputs or this baseline cannot be judged: the gate fails with the message."""


class ConfigError(Exception):
    """The settings are wrong: the run ends with exit code 4 and the message."""
