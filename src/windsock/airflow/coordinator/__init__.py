"""Steps of a queue run in the project's own interpreter: no Django in Airflow, no Airflow in Django.

Airflow routes a task by its queue to a coordinator (``[sdk] coordinators`` and ``queue_to_coordinator``).
Ours has a child forked in the project's warm process, claims the task instance, sends one Call, and tells
Airflow what came of it. Source: Airflow 3.3, ``airflow.sdk.execution_time.coordinator``.
"""

from windsock.airflow.coordinator.runtime import DjangoCoordinator

__all__ = ["DjangoCoordinator"]
