"""What `windsock up` runs, and in which order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from windsock.local import environments, orchestration, ports, readiness, surroundings
from windsock.local.addresses import Addresses
from windsock.local.errors import LocalError
from windsock.local.parts import Part, Plan, Step
from windsock.local.process import Command, run
from windsock.local.project import Project
from windsock.local.state import State
from windsock.local.surroundings import Superuser


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """What a plan is made from."""

    project: Project
    state: State
    addresses: Addresses
    superuser: Superuser
    environ: Mapping[str, str]

    def shared(self) -> dict[str, str]:
        """The variables of the project's processes, with the token that is known by now."""
        return surroundings.shared(self.project, self.state, self.addresses, self.environ)

    def python(self, *words: str, mark: Path | None = None) -> Command:
        """A command of the project's interpreter, in the folder of manage.py.

        Args:
            words: The arguments.
            mark: The file that the process touches when it is ready.
        """
        marks = {"WINDSOCK_READY_FILE": str(mark)} if mark else {}
        if mark:
            mark.parent.mkdir(exist_ok=True)
            mark.unlink(missing_ok=True)
        return Command(
            argv=(str(self.project.python), *words),
            environment=self.shared() | marks,
            directory=self.project.directory,
        )

    def airflow(self, *words: str) -> Command:
        """A command of Airflow, with the project's variables for the warm process."""
        own = orchestration.variables(self.project, self.state, self.addresses, self.environ)
        return orchestration.command(self.project, self.state, self.shared() | own, *words)


def build(stack: Stack) -> Plan:
    """Everything that `windsock up` runs, ordered so that as much as possible starts at once.

    What is not embedded is not in the plan; whoever waits for it does not wait.
    """
    addresses = stack.addresses
    embedded = {"postgres": addresses.embedded_postgres, "valkey": addresses.embedded_broker}
    steps = (
        *(_cluster(stack) if addresses.embedded_postgres else ()),
        Step(name="project", run=lambda: bootstrap(stack), after=("databases",)),
        Step(name="airflow environment", run=lambda: _environment(stack)),
        Step(
            name="airflow database",
            run=lambda: _migrate(stack),
            after=("databases", "airflow environment"),
        ),
    )
    storage = tuple(each for each in _storage(stack) if embedded[each.name])
    return Plan(
        steps=steps,
        parts=(*storage, *_airflow(stack), *_project(stack)),
        external=tuple(name for name, here in embedded.items() if not here),
    )


def _cluster(stack: Stack) -> tuple[Step, ...]:
    addresses = stack.addresses
    server = addresses.cluster()
    names = {"windsock": addresses.embedded_project_database, "airflow": bool(addresses.airflow_database)}

    def databases() -> None:
        for name, wanted in names.items():
            if wanted:
                server.create_database(name)

    return (
        Step(name="cluster", run=lambda: server.prepare(stack.state.log("initdb"))),
        Step(name="databases", run=databases, after=("postgres",)),
    )


def _storage(stack: Stack) -> tuple[Part, ...]:
    server, broker = stack.addresses.cluster(), stack.addresses.broker(stack.state)

    def valkey() -> Command:
        broker.prepare()
        return broker.command()

    return (
        Part(
            name="postgres",
            command=server.command,
            ready=readiness.when(server.accepts),
            after=("cluster",),
            stops_last=True,
        ),
        Part(name="valkey", command=valkey, ready=readiness.when(broker.accepts), stops_last=True),
    )


def _airflow(stack: Stack) -> tuple[Part, ...]:
    url = stack.addresses.airflow_url
    # The API server needs no project; the others hand the project's token on to the warm process.
    both = ("airflow database", "project")
    return (
        Part(
            name="airflow-api",
            command=lambda: stack.airflow("api-server"),
            ready=readiness.answers(f"{url}/api/v2/monitor/health"),
            after=("airflow database",),
        ),
        Part(
            name="airflow-scheduler",
            command=lambda: stack.airflow("scheduler", "--skip-serve-logs"),
            ready=readiness.airflow_healthy(url, "scheduler"),
            after=both,
        ),
        Part(
            name="airflow-dag-processor",
            command=lambda: stack.airflow("dag-processor"),
            ready=readiness.airflow_healthy(url, "dag_processor"),
            # Its first act is to read the feed.
            after=(*both, "web"),
        ),
        Part(
            name="airflow-triggerer",
            command=lambda: stack.airflow("triggerer", "--skip-serve-logs"),
            ready=readiness.airflow_healthy(url, "triggerer"),
            after=both,
        ),
    )


def _project(stack: Stack) -> tuple[Part, ...]:
    address = stack.addresses
    web = (
        *("-m", "uvicorn", "windsock.django.asgi:application", "--host", ports.HOST),
        *("--port", str(address.web_port), "--lifespan", "off", "--timeout-graceful-shutdown", "3"),
    )
    worker = ("-m", "django", "windsock_worker", "--processes", "2")
    marks = {name: stack.state.run / f"{name}.ready" for name in ("worker", "relay")}
    return (
        Part(
            name="web",
            command=lambda: stack.python(*web),
            ready=readiness.answers(f"{address.web_url}/windsock/health/"),
            after=("project",),
        ),
        Part(
            name="worker",
            command=lambda: stack.python(*worker, mark=marks["worker"]),
            ready=readiness.marked(marks["worker"]),
            after=("project", "valkey"),
        ),
        Part(
            name="relay",
            command=lambda: stack.python("-m", "django", "windsock_relay", mark=marks["relay"]),
            ready=readiness.marked(marks["relay"]),
            after=("project", "valkey"),
        ),
    )


def bootstrap(stack: Stack) -> None:
    """Migrates the project, makes its superuser and token, loads example data, publishes the workflows.

    Raises:
        CommandError: The command failed.
        LocalError: Its last line is not the object that it promises.
    """
    user = stack.superuser
    command = stack.python("-m", "django", "windsock_bootstrap")
    given = {
        "DJANGO_SUPERUSER_USERNAME": user.username,
        "DJANGO_SUPERUSER_EMAIL": user.email,
        "DJANGO_SUPERUSER_PASSWORD": user.password,
    }
    command = replace(command, environment={**command.environment, **given})
    text = run(command, stack.state.log("project"))
    try:
        answer = json.loads(text.strip().splitlines()[-1])
        stack.state.write_text("token", f"{answer['token']}\n")
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise LocalError(f"windsock_bootstrap did not end with its JSON object:\n{text[-2000:]}") from error


def _environment(stack: Stack) -> None:
    environments.ensure(
        stack.project.airflow_environment, environments.lock(), stack.state.log("airflow-environment")
    )


def _migrate(stack: Stack) -> None:
    orchestration.write_passwords(stack.state)
    orchestration.migrate(stack.state, stack.airflow("db", "migrate"), environments.lock())
