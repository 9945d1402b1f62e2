"""Whether a connection works: what Airflow's button "Test" finds out."""

import subprocess
from pathlib import Path

from windsock.airflow.connection.site import Site, SiteAway, SiteRefused
from windsock.environment import Environment, child_variables
from windsock.errors import EnvironmentNotFound, WireError

LIMIT = 30.0  #: seconds that a project may take to be set up
_SETUP = "import django; django.setup(); print(django.get_version())"


def probe_site(site: Site) -> tuple[bool, str]:
    """Ask the site with the key; tell whether it answers, and what is wrong if not."""
    try:
        answer = site.ask("")
    except SiteRefused as error:
        if error.status == 404:
            hint = "include windsock.django.urls in the project's urls.py, at its root"
            return False, f"{site.url} answers, but has no service for Airflow: {hint}."
        return False, str(error)
    except (SiteAway, WireError) as error:
        return False, str(error)
    return True, f"{site.url} answers and takes the key (windsock {answer.get('windsock', '?')})."


def probe_environment(environment: Environment, settings: str, directory: Path | None) -> tuple[bool, str]:
    """Set the project up in its own interpreter; tell whether that works, and what is wrong if not."""
    try:
        python = environment.python()
    except EnvironmentNotFound as error:
        return False, str(error)
    if directory is not None and not directory.is_dir():
        return False, f"There is no folder {directory} on this host."
    variables = child_variables({"DJANGO_SETTINGS_MODULE": settings} if settings else {}, python=python)
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter is the deployment's own
            [python, "-c", _SETUP],
            cwd=directory,
            env=variables,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return False, f"django.setup() took more than {LIMIT:g} s in {python}."
    except OSError as error:
        return False, f"{python} cannot be started: {error}"
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        return False, f"django.setup() fails in {python}: {reason}"
    return True, f"{python} sets the project up with Django {done.stdout.strip().splitlines()[-1]}."
