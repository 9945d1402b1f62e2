"""The one door to Airflow's REST API."""

from windsock.django.conf import settings
from windsock.django.orchestrator.definitions import SENTINEL, Definitions
from windsock.django.orchestrator.login import AirflowLogin
from windsock.django.orchestrator.runs import Runs
from windsock.django.orchestrator.steering import Steering

__all__ = ["SENTINEL", "Airflow", "AirflowLogin"]


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
