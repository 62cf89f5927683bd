"""The two ways in which a gate can refuse to give a verdict, and foreign errors and values in its sentences."""

from __future__ import annotations

from collections.abc import Callable


class GateError(Exception):
    """This model, these inputs or this baseline cannot be judged: the gate fails with the message."""


class ConfigError(Exception):
    """The settings are wrong: the run ends with exit code 4 and the message."""


def described(error: BaseException) -> str:
    """``ValueError: too few``, or the name alone of an error that says nothing."""
    text = said(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def said(error: BaseException) -> str:
    """What an error says, or that it cannot."""
    return _asked(error, str)


def shown(value: object) -> str:
    """A value as it would be written in code, or that it cannot be shown."""
    return _asked(value, repr)


def briefly(value: object) -> str:
    """A value as ``shown``, cut where it is long."""
    text = shown(value)
    return text if len(text) <= 100 else f"{text[:60]}... (cut, of {len(text):,} characters)"


def _asked(value: object, how: Callable[[object], str]) -> str:
    try:
        return how(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of the value's own code, whatever that is
        return f"<{type(value).__name__} that cannot be shown: its __{how.__name__}__ raised {type(error).__name__}>"
