"""Revisions: the numbers under which versions are handed out, in the order of their commits.

``number`` runs after the commit, one process at a time. A number taken inside the writing transaction would
be skipped for ever by whoever reads "what changed after revision N", when two commit in the other order.
"""

from django.db import connection, transaction
from django.db.models import OuterRef, Subquery

from windsock import wire
from windsock.django.models import WorkflowVersion
from windsock.django.relay import wake

TOMBSTONE = wire.digest(None)
_LOCK = 0x77696E65  # another one than that of the relay, which holds its own as long as it runs
_TABLE = WorkflowVersion._meta.db_table
_NUMBER = f"""
    WITH numbered AS (
        UPDATE {_TABLE} version
        SET revision = newest.revision + unnumbered.place, is_settled = unnumbered.is_superseded
        FROM (SELECT coalesce(max(revision), 0) AS revision FROM {_TABLE}) newest,
            (
                SELECT id, row_number() OVER (ORDER BY id) AS place,
                    row_number() OVER (PARTITION BY workflow_id ORDER BY id DESC) > 1 AS is_superseded
                FROM {_TABLE} WHERE revision IS NULL
            ) unnumbered
        WHERE version.id = unnumbered.id
        RETURNING version.id, version.workflow_id
    ), settled AS (
        UPDATE {_TABLE} older SET is_settled = true
        FROM numbered
        WHERE older.workflow_id = numbered.workflow_id AND NOT older.is_settled AND older.revision IS NOT NULL
    )
    SELECT count(*) FROM numbered
"""  # noqa: S608


def number() -> int:
    """Give revisions to the committed versions that have none; return how many were given.

    Superseded versions are settled in the same go: nobody waits for them to be in force.
    """
    if not WorkflowVersion.objects.filter(revision=None).exists():
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_NUMBER)
        given: int = cursor.fetchone()[0]
    return given


def announce() -> None:
    """Number after the commit, and let the relay do the rest; it numbers too if this process dies first."""
    transaction.on_commit(number, robust=True)
    wake("publish")


def newest_digest() -> Subquery:
    """Return the digest of each workflow's newest version, numbered or not; None where it has none."""
    newest = WorkflowVersion.objects.filter(workflow=OuterRef("pk")).order_by("-revision", "-id")
    return Subquery(newest.values("digest")[:1])
