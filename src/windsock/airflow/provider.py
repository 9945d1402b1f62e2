"""What Airflow's provider registry reads about Windsock."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Describe the provider; Airflow calls it through the ``apache_airflow_provider`` entry point."""
    return {
        "package-name": "windsock",
        "name": "Windsock",
        "description": "Runs the workflows and tasks of a Django project.",
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
