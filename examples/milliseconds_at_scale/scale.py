"""What a few milliseconds come to when many people ask."""

from decimal import ROUND_HALF_UP, Decimal

USERS = (100, 10_000, 100_000)
"""How many ask, one request each, one after the other."""


def waited(milliseconds, users):
    """The time of so many requests in the largest unit that fits, rounded half up as people round: ``10.97 min``."""
    seconds = Decimal(str(milliseconds)) * users / 1000
    size, unit = next((size, unit) for size, unit in ((3600, "h"), (60, "min"), (0, "s")) if seconds >= size)
    return f"{(seconds / (size or 1)).quantize(Decimal('0.01'), ROUND_HALF_UP)} {unit}"


def table(rows):
    """Lines of a table: a name, milliseconds an image, the confidence or None, and the waiting."""
    header = ("", "an image", "confidence", *(f"{users:,} users" for users in USERS))
    cells = [header]
    for name, milliseconds, confidence in rows:
        shown = "" if confidence is None else f"{confidence:.4f}"
        times = (waited(milliseconds, users) for users in USERS)
        cells.append((name, f"{milliseconds:.2f} ms", shown, *times))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
