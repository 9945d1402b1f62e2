"""The connection type ``django``: where a project's site answers, and where its code runs."""

from windsock.airflow.connection.hook import DjangoHook
from windsock.airflow.connection.site import Site, SiteAway, SiteRefused

__all__ = ["DjangoHook", "Site", "SiteAway", "SiteRefused"]
