"""The project's ASGI application with its static files, for a server that stands alone.

Run it with ``python -m uvicorn windsock.django.asgi:application``. Static files are found as in
development, whatever ``DEBUG`` says; behind a web server of your own serve the project's application.
"""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

NAME = "windsock.django.asgi.application"


def project_application() -> Any:
    """Return what ``ASGI_APPLICATION`` names, else Django's own application."""
    django_application = get_asgi_application()
    named = getattr(settings, "ASGI_APPLICATION", None)
    return import_string(named) if named and named != NAME else django_application


application = ASGIStaticFilesHandler(project_application())
