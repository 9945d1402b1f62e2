"""Run Airflow's command line with what the executor's workers need imported first.

``python -m windsock.airflow.preload scheduler`` is ``airflow scheduler``, except that the workers which
LocalExecutor forks share these modules with it; else each of them imports them anew at its first task.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

#: Source: Airflow 3.3, what ``BaseExecutor.run_workload`` and ``supervise_task`` import in a worker.
MODULES = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.dag_processing.bundles.manager",
    "windsock.airflow.bundle",
    "windsock.airflow.coordinator",
)


def main(arguments: Sequence[str]) -> None:
    """Import the modules, and hand ``arguments`` to Airflow's own entry point."""
    command_line = import_module("airflow.__main__")
    for module in MODULES:
        import_module(module)
    sys.argv = ["airflow", *arguments]
    command_line.main()


if __name__ == "__main__":
    main(sys.argv[1:])
