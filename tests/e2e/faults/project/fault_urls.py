"""The example's addresses, and one that starts any of the tasks for the tests."""

import json
from itertools import repeat
from typing import Any

import fault_tasks
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config.urls import urlpatterns as urls_of_the_example

CHUNK = 1_000


@csrf_exempt
def start(request: HttpRequest, name: str) -> JsonResponse:
    """Enqueue a task ``count`` times; answer with the ids."""
    asked: dict[str, Any] = json.loads(request.body)
    task = getattr(fault_tasks, name)
    calls = list(repeat(((), asked["kwargs"]), asked["count"]))
    if len(calls) == 1:
        return JsonResponse({"ids": [task.enqueue(**asked["kwargs"]).id]})
    ids = [
        result.id
        for first in range(0, len(calls), CHUNK)
        for result in task.enqueue_many(calls[first : first + CHUNK])
    ]
    return JsonResponse({"ids": ids})


urlpatterns = [path("faults/<str:name>/", start), *urls_of_the_example]
