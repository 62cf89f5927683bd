import pytest

from pytest_speedacc.config.live_settings import LiveSettings, parse_live
from pytest_speedacc.errors import ConfigError


def test_nothing_said_is_the_default():
    assert parse_live({}) == LiveSettings()


def test_everything_said_is_read():
    assert parse_live(
        {
            "share": ["data/", "weights.bin"],
            "setup": "make model",
            "launches": 8,
            "budget": "5 min",
            "timeout": "30 s",
            "threads": "all",
            "allow_slow_setup": True,
            "removed": "warn",
            "environment": "make venv",
        }
    ) == LiveSettings(("data/", "weights.bin"), "make model", 8, 300.0, 30.0, "all", True, "warn", "make venv")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (3, "[tool.speedacc.live] must be a table, not 3."),
        ({"lanches": 5}, "[tool.speedacc.live]: unknown key 'lanches'. Did you mean 'launches'?"),
        ({"launches": 3}, "[tool.speedacc.live] launches = 3 must be a whole number from 4: fewer launches can decide"),
        ({"launches": True}, "[tool.speedacc.live] launches = True must be a whole number from 4"),
        ({"budget": "0 s"}, "[tool.speedacc.live] budget = '0 s' must be above zero."),
        ({"timeout": 5}, "[tool.speedacc.live] timeout = 5"),
        ({"threads": "two"}, "[tool.speedacc.live] threads = 'two' must be one of 'one', 'all'."),
        ({"removed": "ignore"}, "[tool.speedacc.live] removed = 'ignore' must be one of 'warn', 'fail'."),
        ({"share": "data/"}, "[tool.speedacc.live] share must be a list of paths, not 'data/'."),
        ({"share": [""]}, "[tool.speedacc.live] share must be a text, not ''."),
        ({"setup": ""}, "[tool.speedacc.live] setup must be a text, not ''."),
        ({"environment": True}, "[tool.speedacc.live] environment must be a text, not True."),
        ({"allow_slow_setup": "yes"}, "[tool.speedacc.live] allow_slow_setup must be true or false, not 'yes'."),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(section, message):
    with pytest.raises(ConfigError) as refusal:
        parse_live(section)
    assert str(refusal.value).startswith(message)
