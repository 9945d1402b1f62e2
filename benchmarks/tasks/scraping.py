"""What Prometheus costs at a million rows: ``python benchmarks/tasks/scraping.py > scraping.md``.

It makes its own PostgreSQL, fills it as `listing.py` does, asks ``GET /api/metrics/`` with a token, and
prints Markdown: a table, what was answered, and the plan of every query. First in calm, then with a backlog
of 100,000 tasks while another 100,000 ended within the last minutes. There is no broker, which would add one
or two milliseconds.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from listing import database, described, explained, fill

LIMIT_MS = 100.0
MANY = 100_000
BACKLOG = """
    UPDATE windsock_taskrun SET status = 'PENDING', finished_at = NULL
    WHERE id IN (SELECT id FROM windsock_taskrun ORDER BY id DESC LIMIT %s)
"""
ENDED = """
    UPDATE windsock_taskrun SET updated_at = now(), finished_at = now(), started_at = now() - interval '1 s'
    WHERE id IN (SELECT id FROM windsock_taskrun WHERE status = 'DONE' ORDER BY id DESC LIMIT %s)
"""


def main() -> None:
    """Fill, measure, make it worse, measure again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database(Path(folder)):
        token = fill(options.rows)["staff"]
        print(f"# Metrics at {options.rows:,} rows\n")
        for line in described():
            print(line)
        plans = [measure("calm", token, options.rounds, is_first=True)]
        worsen()
        plans.append(measure("backlog", token, options.rounds))
        print("\n".join(plans))


def worsen() -> None:
    """Make a backlog, and have many tasks end; the rows that this leaves behind are not cleaned up."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(BACKLOG, (MANY,))
        cursor.execute(ENDED, (MANY,))


def measure(name: str, token: str, rounds: int, *, is_first: bool = False) -> str:
    """Print one line of the table; return answer and plans."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"Authorization": f"Bearer {token}"})
    with CaptureQueriesContext(connection) as statements:
        answer = client.get("/api/metrics/")
        asked = [each["sql"] for each in statements]
    assert answer.status_code == 200, answer.content
    times = []
    for _ in range(rounds + 3):
        begun = time.perf_counter()
        client.get("/api/metrics/")
        times.append((time.perf_counter() - begun) * 1000)
    middle, late = statistics.median(times[3:]), statistics.quantiles(times[3:], n=20)[-1]
    if is_first:
        print("| state | queries | p50 ms | p95 ms | promised: 100 ms |\n|---|---|---|---|---|")
    promise = "kept" if late <= LIMIT_MS else "MISSED"
    print(f"| {name} | {len(asked)} | {middle:.1f} | {late:.1f} | {promise} |", flush=True)
    plans = "\n\n".join(explained(sql) for sql in asked if "windsock_taskrun" in sql)
    values = "\n".join(line for line in answer.content.decode().splitlines() if not line.startswith("#"))
    return f"\n## {name}\n\n```\n{values}\n```\n\n```\n{plans}\n```"


if __name__ == "__main__":
    main()
