"""The ways that are compared, each as data: its project, its workers, where its record is."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to run tasks.

    Attributes:
        project: module in ``projects``.
        workers: commands after ``python -m``; two working processes in all.
        environment: what tunes it.
        record: its main table; none for a way without a record.
        done: the condition of a finished row.
        key: the column with what ``enqueue`` returns.
        more_tables: counted in the size of a row.
        peer: a tracked way that Windsock has to beat.
        information: shown, measured by the drain of 0 ms tasks alone.
    """

    name: str
    project: str
    workers: tuple[tuple[str, ...], ...]
    environment: dict[str, str] = field(default_factory=dict)
    record: str = ""
    done: str = ""
    key: str = "id"
    more_tables: tuple[str, ...] = ()
    peer: bool = False
    information: bool = False

    @property
    def tables(self) -> tuple[str, ...]:
        return (self.record, *self.more_tables) if self.record else ()


def _celery(app: str, *options: str, number: int = 1) -> tuple[str, ...]:
    return ("celery", "-A", app, "worker", "-n", f"bench{number}@%h", "--loglevel", "WARNING", *options)


QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")
KEEP = {"BENCH_CONN_MAX_AGE": "600"}
PREFETCH = {"BENCH_PREFETCH": "64"}
JOB = {"record": "obvious_app_job", "done": "status = 'DONE'", "peer": True}
RESULT = {
    "record": "django_celery_results_taskresult",
    "done": "status = 'SUCCESS'",
    "key": "task_id",
    "peer": True,
}
DB_TASK = {"record": "django_tasks_database_dbtaskresult", "done": "status = 'SUCCESSFUL'", "peer": True}
CRASTINATE = {
    "record": "procrastinate_jobs",
    "done": "status = 'succeeded'",
    # Not its table of workers, which live on while the jobs are cleared.
    "more_tables": ("procrastinate_events", "procrastinate_periodic_defers"),
    "peer": True,
}
RUN = {"record": "windsock_taskrun", "done": "status = 'DONE'"}
DB_WORKER = ("django", "db_worker")
PROCRASTINATE = ("django", "procrastinate", "worker")

PLAIN, WINDSOCK = "plain Celery", "Windsock"

WAYS = (
    Way(name=PLAIN, project="plain", workers=(_celery("projects.plain", "-c", "2"),)),
    Way(
        name="Windsock",
        project="windsock",
        workers=(("django", "windsock_worker", "--processes", "2"),),
        **RUN,
    ),
    Way(
        name="plain Celery, prefetch 64",
        project="plain",
        workers=(_celery("projects.plain", "-c", "2", *QUIET),),
        environment=PREFETCH,
    ),
    Way(
        name="plain Celery, solo x2",
        project="plain",
        workers=tuple(_celery("projects.plain", "-P", "solo", *QUIET, number=number) for number in (1, 2)),
        information=True,
    ),
    Way(name="obvious design", project="obvious", workers=(_celery("projects.obvious", "-c", "2"),), **JOB),
    Way(
        name="obvious design, tuned",
        project="obvious",
        workers=(_celery("projects.obvious", "-c", "2", *QUIET),),
        environment=KEEP | PREFETCH,
        **JOB,
    ),
    Way(
        name="django-celery-results",
        project="celery_results",
        workers=(_celery("projects.celery_results", "-c", "2"),),
        **RESULT,
    ),
    Way(
        name="django-celery-results, tuned",
        project="celery_results",
        workers=(_celery("projects.celery_results", "-c", "2", *QUIET),),
        environment=KEEP | PREFETCH,
        **RESULT,
    ),
    Way(name="django-tasks-db", project="tasks_db", workers=(DB_WORKER, DB_WORKER), **DB_TASK),
    Way(
        name="django-tasks-db, tuned",
        project="tasks_db",
        workers=((*DB_WORKER, "--interval", "0.01", "--no-startup-delay"),) * 2,
        environment=KEEP,
        **DB_TASK,
    ),
    Way(
        name="procrastinate",
        project="procrastinate",
        workers=(PROCRASTINATE, PROCRASTINATE),
        **CRASTINATE,
    ),
    Way(
        name="procrastinate, concurrency 4",
        project="procrastinate",
        workers=((*PROCRASTINATE, "--concurrency", "4"),) * 2,
        environment=KEEP,
        **CRASTINATE,
    ),
    Way(
        name="Windsock under celery prefork",
        project="windsock",
        workers=(_celery("windsock.django.celery:app", "-c", "2", *QUIET),),
        information=True,
        **RUN,
    ),
)
