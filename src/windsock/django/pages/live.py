"""A page with one part that is asked for again and again."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from windsock.django.conf import settings

SEEN = "X-Windsock-Seen"


def live(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """Render ``windsock/<template>.html`` with its live part, ``windsock/<template>_live.html``.

    htmx gets the live part alone, or 204 when that is what the browser shows already: a page on which
    nothing happens is not touched, so that a selection or a focus stays.
    """
    part = render_to_string(f"windsock/{template}_live.html", dict(context), request)
    digest = sha256(part.encode()).hexdigest()[:16]
    # The part comes out of a template, which has escaped what it holds.
    safe = mark_safe(part)  # noqa: S308
    names = {**context, "live": safe, "live_digest": digest, "airflow_url": settings.AIRFLOW_URL}
    if "HX-Request" not in request.headers:
        return render(request, f"windsock/{template}.html", names)
    if request.headers.get(SEEN) == digest:
        return HttpResponse(status=204)
    return render(request, "windsock/live.html", names)
