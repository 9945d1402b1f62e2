from windsock.django.management.commands.runs import Command


def test_everything_that_is_done_to_runs_has_a_name() -> None:
    names = [each.name for each in Command.subcommands]

    assert names == ["list", "show", "cancel", "retry", "clear", "mark"]
    assert all(each.do.__doc__ for each in Command.subcommands)
