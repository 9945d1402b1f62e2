"""What Airflow's provider registry reads about Windsock."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Describe the provider; Airflow calls it through the ``apache_airflow_provider`` entry point."""
    return {
        "package-name": "windsock",
        "name": "Windsock",
        "description": "Runs the workflows and tasks of a Django project.",
    }
