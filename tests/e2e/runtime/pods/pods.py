"""An executor that starts for each task what KubernetesExecutor starts in a pod."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from airflow.executors.base_executor import BaseExecutor

COMMAND = (sys.executable, "-m", "airflow.sdk.execution_time.execute_workload", "--json-string")


class PodExecutor(BaseExecutor):
    """Gives each task a process of its own, whose end is all that it hears of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pods: dict[Any, subprocess.Popen[bytes]] = {}

    def _process_workloads(self, workload_items: Sequence[Any]) -> None:
        for workload in workload_items:
            del self.queued_tasks[workload.ti.key]
            self.running.add(workload.ti.key)
            self._pods[workload.ti.key] = subprocess.Popen([*COMMAND, workload.model_dump_json()])

    def sync(self) -> None:
        ended = {key: code for key, pod in self._pods.items() if (code := pod.poll()) is not None}
        for key, code in ended.items():
            del self._pods[key]
            (self.fail if code else self.success)(key)

    def end(self) -> None:
        for pod in self._pods.values():
            pod.wait(30)

    def terminate(self) -> None:
        for pod in self._pods.values():
            pod.terminate()
