"""A call by DjangoOperator beside one of the environment's python; run in an environment of Airflow.

It takes its order on standard input. Airflow's own work around a task is in neither way. The two take turns,
so that the machine is the same for both.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

DIRECTLY = """\
import json
import django
django.setup()
from shop.reading import read
print(json.dumps(read(1)))
"""


def main() -> None:
    """Take the order, print what it came to in the last line."""
    from windsock.airflow.operators import DjangoOperator
    from windsock.environment import Poetry

    order = json.load(sys.stdin)
    operator = DjangoOperator(
        task_id="read",
        task="shop.reading.read",
        kwargs={"key": 1},
        environment=Poetry(order["project"]),
        settings="shop.settings",
    )
    command = [order["python"], "-c", DIRECTLY]
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": "shop.settings"}

    def directly() -> Any:
        done = subprocess.run(command, cwd=order["project"], env=environ, capture_output=True, check=True)
        return json.loads(done.stdout)

    ways: dict[str, Callable[[], Any]] = {"operator": lambda: operator.execute({}), "directly": directly}
    walls: dict[str, list[float]] = {name: [] for name in ways}
    deadline = time.monotonic() + order["seconds"]
    for number in range(order["count"] + 1):
        values = {}
        for name, way in ways.items():
            began = time.monotonic()
            values[name] = way()
            if number:
                walls[name].append(time.monotonic() - began)
        if values["operator"] != values["directly"]:
            raise RuntimeError(f"not the same: {values}")
        if time.monotonic() > deadline and number:
            break
    found = {name: statistics.median(each) for name, each in walls.items()}
    print(json.dumps({**found, "count": len(walls["operator"])}))


if __name__ == "__main__":
    main()
