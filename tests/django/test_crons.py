import pytest

from windsock.django import crons


@pytest.mark.parametrize(
    "expression", ["* * * * *", "*/5 0-6 1,15 * mon-fri", "0 0 L * *", "0 0 29 2 *", *crons.PRESETS]
)
def test_five_fields_and_presets_are_sound(expression: str) -> None:
    assert crons.problem(expression) == ""


@pytest.mark.parametrize("expression", crons.PRESETS.values())
def test_a_preset_stands_for_a_sound_expression(expression: str) -> None:
    assert crons.problem(expression) == ""


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("@sometimes", "five fields"),
        ("@once", "five fields"),
        ("61 * * * *", "out of range"),
        ("*/0 * * * *", "not a cron expression"),
        ("a b c d e", "not a cron expression"),
        ("R R * * *", "random or hashed"),
        ("0 0 31 2 *", "never comes"),
    ],
)
def test_what_is_wrong_is_told(expression: str, message: str) -> None:
    assert message in crons.problem(expression)
