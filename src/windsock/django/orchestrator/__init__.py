"""The one door to Airflow's REST API."""

from functools import cache

from windsock.django.conf import settings
from windsock.django.orchestrator.definitions import Definitions, sentinel
from windsock.django.orchestrator.login import AirflowLogin
from windsock.django.orchestrator.runs import Runs
from windsock.django.orchestrator.steering import Steering
from windsock.errors import OrchestratorAway

__all__ = ["Airflow", "AirflowLogin", "connected", "sentinel"]


class Airflow(Definitions, Runs, Steering):
    """Airflow, as far as Windsock asks it for something.

    Every method raises ``OrchestratorAway`` when Airflow cannot answer and ``OrchestratorError`` when it
    refuses.
    """

    @classmethod
    def from_settings(cls) -> "Airflow | None":
        """Return the Airflow that the settings name; None when they name none."""
        if not settings.AIRFLOW_URL:
            return None
        login = AirflowLogin(settings.AIRFLOW_URL, settings.AIRFLOW_USERNAME, settings.AIRFLOW_PASSWORD)
        return cls(settings.AIRFLOW_URL, login)


def connected() -> Airflow:
    """Return the Airflow that the settings name, the same one each time.

    Raises:
        OrchestratorAway: they name none.
    """
    airflow = _airflow()
    if airflow is None:
        raise OrchestratorAway("No Airflow is configured: WINDSOCK['AIRFLOW_URL'] is empty.")
    return airflow


@cache
def _airflow() -> Airflow | None:
    return Airflow.from_settings()
