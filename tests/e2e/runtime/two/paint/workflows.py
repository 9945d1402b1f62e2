"""The one workflow of each of the projects."""

import os

from paint.tasks import mix, tell

from windsock.django import sources
from windsock.workflow import Param, Step, Workflow

own, other = os.environ["PAINT_NAMES"].split()
kwargs = {"own": own, "other": other, "together": "{{ params.together }}"}
mixed = Step(name="mix", task=mix.module_path, kwargs=kwargs)
# No coordinator takes this queue's tasks.
plain = Step(
    name="plain",
    task=tell.module_path,
    args=("{{ results.mix }}",),
    after=("mix",),
    uses=("mix",),
    queue="plain",
)
sources.declare(
    Workflow(
        id=f"{own}_paint",
        steps=(mixed, plain) if own == "shop" else (mixed,),
        params={"together": Param(default=False, schema={"type": "boolean"})},
    )
)
