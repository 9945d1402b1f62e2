"""Whether the web process answers."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """Answer anybody, without a query: a sick database must not make the web process look dead."""
    return JsonResponse({"status": "ok"})
