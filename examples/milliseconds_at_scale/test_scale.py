"""The published waiting times follow from the published milliseconds."""

import pytest
from scale import USERS, table, waited


@pytest.mark.parametrize(
    ("milliseconds", "published"),
    [
        (65.83, ["6.58 s", "10.97 min", "1.83 h"]),
        (170.16, ["17.02 s", "28.36 min", "4.73 h"]),
        (42.95, ["4.30 s", "7.16 min", "1.19 h"]),
    ],
)
def test_the_published_table(milliseconds, published):
    assert [waited(milliseconds, users) for users in USERS] == published


@pytest.mark.parametrize(
    ("milliseconds", "users", "shown"),
    [(0.4, 1, "0.00 s"), (600, 100, "1.00 min"), (599.9, 100, "59.99 s"), (36, 100_000, "1.00 h")],
)
def test_a_unit_begins_where_one_of_it_is_full(milliseconds, users, shown):
    assert waited(milliseconds, users) == shown


def test_a_row_of_the_table():
    assert table([("a net", 65.83, 0.75)]) == [
        "       an image  confidence  100 users  10,000 users  100,000 users",
        "a net  65.83 ms  0.7500      6.58 s     10.97 min     1.83 h",
    ]
