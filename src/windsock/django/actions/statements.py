"""The statements that change the record of a task; ``actions.tasks`` says what each is for.

A test holds them together with the state machine in ``windsock.run``.
"""

from windsock.django.models import TaskRun

FIELDS = TaskRun._meta.concrete_fields
COLUMNS = ", ".join(str(field.column) for field in FIELDS)
NAMES = [field.attname for field in FIELDS]
CONVERTED = [(place, field) for place, field in enumerate(FIELDS) if hasattr(field, "from_db_value")]

CLAIM = f"""
    UPDATE windsock_taskrun
    SET status = 'PROCESSING', attempt = attempt + 1, worker = %s, progress = 0, next_send_at = NULL,
        started_at = COALESCE(started_at, statement_timestamp()), updated_at = statement_timestamp(),
        lease_expires_at = statement_timestamp() + %s::interval
    WHERE id = %s AND status = 'PENDING' AND attempt = %s
        AND (run_after IS NULL OR run_after <= statement_timestamp())
    RETURNING {COLUMNS}
"""  # noqa: S608 -- names of columns only
RENEW = """
    UPDATE windsock_taskrun
    SET lease_expires_at = statement_timestamp() + %s::interval, progress = %s, related_id = %s,
        updated_at = statement_timestamp()
    WHERE id = %s AND status = 'PROCESSING' AND attempt = %s
    RETURNING cancel_requested_at IS NOT NULL
"""
LOOK = """
    SELECT cancel_requested_at IS NOT NULL FROM windsock_taskrun
    WHERE id = %s AND status = 'PROCESSING' AND attempt = %s
"""
END = """
    UPDATE windsock_taskrun
    SET status = %s, progress = %s, result = %s::jsonb, related_id = %s, exception = %s, message = %s,
        traceback = %s, output = %s, finished_at = statement_timestamp(), updated_at = statement_timestamp(),
        result_expires_at = statement_timestamp() + result_ttl, lease_expires_at = NULL, next_send_at = NULL
    WHERE id = %s AND attempt = %s AND status = %s
    RETURNING finished_at, result_expires_at
"""
# The run before the step, as where a step begins. The relay looks often at runs to which something happened.
END_STEP = f"""
    WITH touched AS (
        UPDATE windsock_workflowrun SET updated_at = statement_timestamp() WHERE id = %s RETURNING id
    ),
    ended AS ({END.replace("WHERE", "WHERE EXISTS (SELECT FROM touched) AND")})
    SELECT ended.*, pg_notify(%s, %s) FROM (VALUES (1)) AS one LEFT JOIN ended ON TRUE
"""  # noqa: S608
# One commit instead of two. A record that somebody locks must not hold up the end; it is claimed later.
END_AND_CLAIM = f"""
    WITH ended AS ({END}),
    free AS (SELECT FROM windsock_taskrun WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED),
    claimed AS ({CLAIM.replace("WHERE", "WHERE EXISTS (SELECT FROM free) AND")})
    SELECT ended.*, claimed.* FROM (VALUES (1)) AS one LEFT JOIN ended ON TRUE LEFT JOIN claimed ON TRUE
"""  # noqa: S608 -- names of columns only
RETRY = """
    UPDATE windsock_taskrun
    SET status = %s, progress = 0, exception = %s, message = %s, traceback = %s, lease_expires_at = NULL,
        run_after = COALESCE(statement_timestamp() + %s::interval, run_after),
        next_send_at = statement_timestamp() + %s::interval, updated_at = statement_timestamp()
    WHERE id = %s AND attempt = %s AND status = %s AND cancel_requested_at IS NULL
    RETURNING run_after, next_send_at
"""
CANCEL = """
    UPDATE windsock_taskrun
    SET status = CASE status WHEN 'PENDING' THEN 'CANCELLED' ELSE status END,
        finished_at = CASE status WHEN 'PENDING' THEN statement_timestamp() END,
        next_send_at = NULL, updated_at = statement_timestamp(),
        cancel_requested_at = COALESCE(cancel_requested_at, statement_timestamp())
    WHERE id = %s AND status IN ('PENDING', 'PROCESSING')
    RETURNING status, finished_at, cancel_requested_at
"""
GIVE_UP = """
    WITH given_up AS (
        UPDATE windsock_taskrun
        SET lease_expires_at = statement_timestamp(), exception = %s, message = %s
        WHERE id = %s AND status = 'PROCESSING' AND attempt = %s AND lease_expires_at IS NOT NULL
        RETURNING id
    )
    SELECT pg_notify(%s, %s) FROM given_up
"""
RELEASE = """
    WITH released AS (
        UPDATE windsock_taskrun
        SET lease_expires_at = statement_timestamp()
        WHERE status = 'PROCESSING' AND lease_expires_at > statement_timestamp() AND worker = %s
        RETURNING id
    )
    SELECT pg_notify(%s, %s) FROM released LIMIT 1
"""
