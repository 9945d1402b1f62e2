"""What Airflow's provider registry reads about Windsock."""

from typing import Any

# Airflow's scheduler and Celery's workers read this module before they fork: their forks share its moment.
from windsock import started as started

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

#: What operators that call a project let through.
_CALLS: dict[str, Any] = {
    "result_limit": {
        "description": "Bytes of JSON that a result of DjangoOperator, DjangoManageOperator or @task.django "
        "may have on its way to XCom; a larger one fails the task.",
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "1048576",
    },
    "allow_pickle": {
        "description": 'Whether operators may say serializer="pickle". The project can then run any code in '
        "the process of Airflow's task, and the task in the project's.",
        "version_added": "0.1.0",
        "type": "boolean",
        "example": None,
        "default": "False",
    },
}

#: The section ``[windsock]`` of Airflow's configuration.
_OPTIONS: dict[str, Any] = {
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
    **_CALLS,
    "xcom_limit": {
        "description": "Bytes of JSON up to which a step's result is kept as an XCom. A larger "
        "one stays in Django, and the XCom holds a reference to it.",
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "49152",
    },
} | {
    name: {
        "description": f"{what} Needed only where steps run without a coordinator.",
        "version_added": "0.1.0",
        "type": "string",
        "example": example,
        "default": None,
    }
    for name, what, example in (
        ("directory", "The project's folder on this host, in which manage.py stands.", "/srv/shop"),
        ("environment", "JSON that tells where the project's code runs.", '{"venv": "/srv/shop/.venv"}'),
        ("settings", "The module of Django's settings.", "shop.settings"),
    )
}


def get_provider_info() -> dict[str, Any]:
    """Describe the provider; Airflow calls it through the ``apache_airflow_provider`` entry point."""
    return {
        "package-name": "windsock",
        "name": "Windsock",
        "description": "Runs the workflows and tasks of a Django project.",
        "connection-types": [_CONNECTION],
        "task-decorators": [{"name": "django", "class-name": "windsock.airflow.decorators.django_task"}],
        "extra-links": ["windsock.airflow.links.RecordLink"],
        "config": {
            "windsock": {
                "description": "Where the Django project is, whose workflows Airflow runs.",
                "options": _OPTIONS,
            },
        },
    }
