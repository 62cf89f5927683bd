"""Foreign text on its way to a terminal or a log: names, labels, reasons and messages are data, and never commands."""

from __future__ import annotations

import re

LONGEST = 2000
"""Characters of a line: nothing that anybody reads is longer."""
LONGEST_TITLE = 100
"""Characters of a test's id in a line that says something of it."""

_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\w*\[)")
"""How GitHub Actions (``::error::``, ``##[group]``), Azure (``##vso[``) and TeamCity (``##teamcity[``) take a line of a
log for a command."""


def printable(text: str) -> str:
    """One line of print: what a terminal would obey, or show in another order, is written as an escape sequence.

    That is control characters and line ends, lone surrogates, marks that turn the direction of writing, and whatever
    else is not to be seen. A line that a CI service would take for a command is no longer one.
    """
    if not text.isprintable():
        text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return shortened(_COMMAND.sub(lambda found: f"{found[1] or ''}\\x{ord(found[0][-1]):x}", text), LONGEST)


def printable_lines(text: str) -> str:
    """The same for a text that may be of several lines."""
    return "\n".join(map(printable, text.splitlines()))


def shown_title(title: str) -> str:
    """The id of a test, or what else a line is about, short enough that the line's news stays in sight."""
    return shortened(printable(title), LONGEST_TITLE)


def shortened(text: str, most: int) -> str:
    """At most so many characters: of a longer text, its two ends."""
    if len(text) <= most:
        return text
    end = (most - 3) // 2
    return f"{text[: most - 3 - end]}...{text[len(text) - end :]}"


def is_whole(text: str) -> bool:
    """Whether UTF-8 can hold a text: not with half of a character in it, a lone surrogate."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
