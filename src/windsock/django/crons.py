"""Cron expressions, as Airflow reads them."""

from datetime import UTC, datetime
from functools import lru_cache

from croniter import CroniterBadDateError, CroniterError, croniter

#: Source: Airflow 3.3, ``airflow.utils.dates.cron_presets``.
PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
_FORM = "use five fields, such as '30 6 * * 1-5', or one of " + ", ".join(sorted(PRESETS))
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)
def problem(expression: str) -> str:
    """Return what is wrong with a cron expression or preset; empty when it is sound."""
    if expression in PRESETS:
        return ""
    if len(expression.split()) != 5:
        return f"{expression!r} is not a cron expression; {_FORM}"
    # croniter draws "R" anew at each reading: the schedule would be another one in every process.
    if any(field[:1] in "rRhH" for field in expression.split()):
        return f"{expression!r} has a random or hashed field; {_FORM}"
    try:
        croniter(expression, _SOME_DAY).get_next(datetime)
    except CroniterBadDateError:
        return f"{expression!r} names a day that never comes"
    except (CroniterError, ValueError, KeyError) as error:
        return f"{expression!r} is not a cron expression ({error}); {_FORM}"
    return ""
