"""What Airflow's provider registry reads about Windsock."""

from typing import Any

#: The form in Airflow's UI; read without importing the hook.
_CONNECTION: dict[str, Any] = {
    "connection-type": "django",
    "hook-class-name": "windsock.airflow.connection.DjangoHook",
    "hook-name": "Django",
    "conn-fields": {
        "environment": {
            "label": "Environment",
            "schema": {"type": ["object", "null"]},
            "description": "Where the project's code runs: "
            '{"venv": "/srv/shop/.venv"}, {"poetry": "/srv/shop"}, {"uv": "/srv/shop"} '
            'or {"python": "/srv/shop/.venv/bin/python"}.',
        },
        "settings": {
            "label": "Settings",
            "schema": {"type": ["string", "null"]},
            "description": "The module of Django's settings, such as shop.settings.",
        },
        "directory": {
            "label": "Directory",
            "schema": {"type": ["string", "null"]},
            "description": "The project's folder on this host, in which manage.py stands.",
        },
    },
    "ui-field-behaviour": {
        "hidden-fields": ["login", "port", "schema"],
        "relabeling": {"host": "Address of the site", "password": "Key"},
        "placeholders": {
            "host": "https://shop.example",
            "password": "WINDSOCK['FEED_KEY'] of the Django settings",
        },
    },
}


def get_provider_info() -> dict[str, Any]:
    """Describe the provider; Airflow calls it through the ``apache_airflow_provider`` entry point."""
    return {
        "package-name": "windsock",
        "name": "Windsock",
        "description": "Runs the workflows and tasks of a Django project.",
        "connection-types": [_CONNECTION],
        "config": {
            "windsock": {
                "description": "Where the Django project is, whose workflows Airflow runs.",
                "options": {
                    "url": {
                        "description": "Address of the project's feed of published workflows.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "https://shop.example/windsock/feed/",
                        "default": None,
                    },
                    "feed_key": {
                        "description": "Key that signs requests to the feed: 16 characters or more, the same "
                        "as the Django setting ``WINDSOCK['FEED_KEY']``.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "sensitive": True,
                        "example": None,
                        "default": None,
                    },
                },
            },
        },
    }
