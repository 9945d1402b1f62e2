"""Waiting for a test, in the middle of a transaction or of a step."""

from django.db import connection


def wait_for_lock(number: int) -> None:
    """Wait until the test gives back an advisory lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", (number,))
        cursor.execute("SELECT pg_advisory_unlock_shared(%s)", (number,))
