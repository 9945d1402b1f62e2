"""Where a button leads back to."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def back(request: HttpRequest) -> HttpResponse:
    """Return to the page that the form names, if it is one of ours."""
    target = request.POST.get("next", "")
    secure = request.is_secure()
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=secure):
        target = reverse("windsock:overview")
    return HttpResponseRedirect(target)
