"""How fast a list of tasks answers at a million rows: ``python benchmarks/tasks/listing.py > listing.md``.

It makes its own PostgreSQL, fills it, asks the REST API as its users do (with token, permissions and JSON,
without a network), and prints Markdown: one table, then the plan of every query.
"""

import argparse
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windsock.local import postgres

LIMIT_MS = 25.0
PAGE = 1000
PEOPLE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A list that somebody asks for."""

    who: str
    query: str
    page: int = 1
    is_promised: bool = False


CASES = (
    Case(who="staff", query="status=FAILED", is_promised=True),
    Case(who="staff", query="status=FAILED&page_size=1", page=PAGE, is_promised=True),
    Case(who="service", query="status=FAILED", is_promised=True),
    Case(who="service", query="status=FAILED&page_size=1", page=PAGE, is_promised=True),
    Case(who="staff", query="status=FAILED&ordering=created_at"),
    Case(who="service", query="status=FAILED&ordering=created_at"),
    Case(who="busy", query="status=FAILED"),
    Case(who="busy", query="status=SKIPPED"),
    Case(who="quiet", query="status=FAILED"),
    Case(who="quiet", query="status=DONE"),
    Case(who="staff", query="status=PROCESSING"),
    Case(who="service", query="status=PROCESSING"),
    *(Case(who=who, query="") for who in ("staff", "service", "busy", "quiet", "gone")),
    Case(who="gone", query="status=FAILED"),
    Case(who="gone", query="status=DONE"),
    Case(who="staff", query="ordering=created_at"),
    Case(who="quiet", query="ordering=created_at"),
    Case(who="staff", query="page_size=1", page=PAGE),
    Case(who="staff", query="operation=DELETE"),
    Case(who="staff", query="related_table=users_user&related_id=77"),
    Case(who="staff", query="related_table=users_user&related_id=none"),
    Case(who="service", query="related_table=users_user&related_id=77"),
    Case(who="staff", query="task_name=create_user"),
    Case(who="staff", query="task_name=export_year"),
    Case(who="service", query="task_name=export_year"),
    Case(who="busy", query="task_name=export_year"),
    Case(who="staff", query="task_name=nobody_calls_it_so"),
    Case(who="staff", query="created_after={middle}&created_before={later}"),
    Case(who="quiet", query="created_after={middle}&created_before={later}"),
    Case(who="service", query="status=FAILED&created_after={middle}"),
    Case(who="staff", query="updated_after={last}"),
    Case(who="staff", query="updated_after={middle}&updated_before={later}"),
    Case(who="staff", query="related_id=77"),
)


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_250_000, help="four of five belong to one account")
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database(Path(folder)):
        tokens = fill(options.rows)
        print(f"# Lists of tasks at {options.rows:,} rows\n")
        for line in described():
            print(line)
        measure(tokens, options.rounds)


@contextmanager
def database(folder: Path) -> Iterator[None]:
    """Run a PostgreSQL of our own with Windsock's tables in it, and set Django up for it."""
    from django.conf import settings

    os.environ.pop("DATABASE_URL", None)
    os.environ["WINDSOCK_THROTTLE_RATE"] = ""
    from windsock.django.configure import configure, database_from_url

    with postgres.temporary(folder) as server:
        server.create_database("listing")
        namespace: dict[str, Any] = {"SECRET_KEY": "for this run only, and for no other one"}
        namespace["DATABASES"] = {"default": database_from_url(server.url("listing"))}
        configure(namespace)
        settings.configure(**namespace | {"ALLOWED_HOSTS": ["testserver"]})
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        yield
        connection.close()


def fill(rows: int) -> dict[str, str]:
    """Make people and tasks; return a token of each who asks."""
    from django.contrib.auth.models import Permission, User
    from django.db import connection

    from windsock.django.actions import tokens
    from windsock.django.models import TaskRun

    User.objects.bulk_create(User(username=f"person{number}") for number in range(PEOPLE))
    named = {
        name: User.objects.create(username=name) for name in ("staff", "service", "busy", "quiet", "gone")
    }
    named["staff"].user_permissions.set(Permission.objects.filter(codename="view_taskrun"))
    first = User.objects.order_by("pk").values_list("pk", flat=True)[0]
    template = TaskRun.objects.create(task="shop.tasks.work", name="")
    values = EXPRESSIONS | {
        "owner_id": OWNER.format(rows=rows, first=first, people=PEOPLE, **{n: u.pk for n, u in named.items()})
    }
    columns = [field.column for field in TaskRun._meta.concrete_fields]
    selected = ", ".join(values.get(column, f"template.{column}") for column in columns)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(
            f"INSERT INTO windsock_taskrun ({', '.join(columns)}) SELECT {selected} "
            f"FROM {SERIES.format(rows=rows)} LEFT JOIN windsock_taskrun template ON true"
        )
    template.delete()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) windsock_taskrun")
    return {name: tokens.issue(user, name=name) for name, user in named.items()}


# The rows come at even distances over a month, which ends now. Failures come five at a time.
SERIES = """(
    SELECT n, at, random() AS chance, (n / 5) % 1000 AS burst, {rows} - n AS left_over
    FROM generate_series(1, {rows}) n,
    LATERAL (SELECT now() - interval '30 days' * ({rows} - n) / {rows} AS at) moment OFFSET 0
) row"""
STATUS = """CASE
    WHEN left_over < 40 THEN 'PENDING' WHEN left_over < 80 THEN 'PROCESSING'
    WHEN burst = 7 THEN 'FAILED' WHEN burst = 8 THEN 'CANCELLED' WHEN n % 1999 = 0 THEN 'SKIPPED'
    ELSE 'DONE' END"""
OWNER = """CASE
    WHEN n % 62500 = 62 THEN {quiet} WHEN n % 5 > 0 THEN {service} WHEN n < {rows} / 6 THEN {gone}
    WHEN chance < 0.2 THEN {busy} ELSE {first} + floor({people} * power(random(), 3))::int END"""
NAME = """CASE WHEN n % 6241 = 0 THEN 'export_year'
    ELSE (ARRAY['create_user', 'update_user', 'sync_order', 'send_mail', 'list_users'])[1 + floor(5 * chance)]
    END"""
EXPRESSIONS = {
    "id": """(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
        || lpad(to_hex(n % 4096), 3, '0') || '8' || substr(md5(n::text), 1, 15))::uuid""",
    "name": NAME,
    "status": STATUS,
    "created_at": "at",
    "updated_at": "at + interval '2 seconds'",
    "started_at": "at + interval '1 second'",
    "finished_at": f"CASE WHEN {STATUS} IN ('PENDING', 'PROCESSING') THEN NULL ELSE at + interval '2s' END",
    "next_send_at": "NULL::timestamptz",
    "attempt": "1",
    "progress": "100",
    "worker": "'worker@host'",
    "input_data": """jsonb_build_object('username', 'user' || n, 'email', 'user' || n || '@example.com')""",
    "result": "jsonb_build_object('success', true, 'message', 'Successfully created user user' || n)",
    "traceback": f"CASE WHEN ({STATUS}) = 'FAILED' THEN repeat(md5(n::text) || chr(10), 60) ELSE '' END",
    "operation": "(ARRAY['CREATE', 'UPDATE', '', '', 'READ', 'DELETE'])[1 + floor(5.01 * chance)]",
    "related_table": "(ARRAY['users_user', 'users_user', 'shop_order', ''])[1 + floor(4 * chance)]",
    "related_id": "(n % 100003)::text",
}


def described() -> Iterator[str]:
    """Say what is in the table."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT version(), pg_size_pretty(pg_total_relation_size('windsock_taskrun'))")
        version, size = cursor.fetchone()
        cursor.execute("SELECT status, count(*) FROM windsock_taskrun GROUP BY 1 ORDER BY 2 DESC")
        statuses = ", ".join(f"{count:,} {status}" for status, count in cursor.fetchall())
        cursor.execute(
            "SELECT username, count(*) FROM windsock_taskrun JOIN auth_user u ON u.id = owner_id"
            " WHERE username IN ('service', 'busy', 'quiet', 'gone') GROUP BY 1 ORDER BY 2 DESC"
        )
        owners = ", ".join(f"`{name}` {count:,}" for name, count in cursor.fetchall())
    yield f"{version.partition(',')[0]}, table and indexes {size}. {statuses}."
    yield f"Owners: {owners}, the rest {PEOPLE:,} people. `gone` started"
    yield "nothing for three weeks. `staff` owns nothing and holds `view_taskrun`.\n"


def measure(tokens: dict[str, str], rounds: int) -> None:
    """Ask for every case and print what it took."""
    plans = []
    print("| who | query | page | rows | p50 ms | p95 ms | query ms | promised | index |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in CASES:
        caller = Caller(tokens[case.who])
        address, page = caller.turned(f"/api/tasks/?{filled(case.query)}", case.page)
        times, found, sql = caller.asked(address, rounds)
        plan = explained(sql)
        middle, late = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        promise = ("kept" if late <= LIMIT_MS else "MISSED") if case.is_promised else ""
        name = f"`{case.query}`" if case.query else ""
        inner = re.findall(r"Execution Time: ([\d.]+)", plan)[-1]
        used = ", ".join(sorted(set(re.findall(r"Scan.* (?:using|on) (windsock_task_\w+|\w+_pkey)", plan))))
        figures = f"{page:,} | {found} | {middle:.1f} | {late:.1f} | {inner} | {promise} | {used or 'none'}"
        print(f"| {case.who} | {name} | {figures} |", flush=True)
        if case.is_promised or late > LIMIT_MS:
            plans.append(f"\n## {case.who}: {name or 'everything'}, page {page:,}\n\n```\n{plan}\n```")
    print("\n".join(plans))


class Caller:
    """Somebody with a token."""

    def __init__(self, token: str) -> None:
        from django.test import Client

        self._client = Client(headers={"Authorization": f"Bearer {token}"})

    def turned(self, address: str, page: int) -> tuple[str, int]:
        """Return the address of a page, reached through the links before it, and the number of the page."""
        for number in range(1, page):
            following = self._client.get(address).json()["next"]
            if following is None:
                return address, number
            address = following
        return address, page

    def asked(self, address: str, rounds: int) -> tuple[list[float], int, str]:
        """Return milliseconds of each round, the number of rows, and the list's query."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as statements:
            answer = self._client.get(address)
        assert answer.status_code == 200, answer.content
        sql = next(each["sql"] for each in statements if 'FROM "windsock_taskrun"' in each["sql"])
        times = []
        for _ in range(rounds + 3):
            begun = time.perf_counter()
            self._client.get(address)
            times.append((time.perf_counter() - begun) * 1000)
        return times[3:], len(answer.json()["results"]), sql


def filled(query: str) -> str:
    """Put times into a query: of the month's middle, an hour later, and an hour ago."""
    now = time.time()
    at = {"middle": now - 15 * 86400, "later": now - 15 * 86400 + 3600, "last": now - 3600}
    words = {name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(value)) for name, value in at.items()}
    return query.format(**words)


def explained(sql: str) -> str:
    """Return the plan as it was carried out."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


if __name__ == "__main__":
    main()
