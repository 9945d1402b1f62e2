"""What needs the package whose versions exclude each other."""

import logging
import os
import time
from pathlib import Path

from windsock.django.compat import task


@task
def mix(own: str, other: str, together: bool) -> dict[str, str]:
    """Return which version of the package this is, if ``together`` once the other project's step runs too."""
    import palette  # the web server of the project has none

    if together:
        folder = Path(os.environ["PAINT_FOLDER"])
        (folder / f"{own} runs").touch()
        deadline = time.monotonic() + 60
        while not (folder / f"{other} runs").exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{other} does not run")
            time.sleep(0.02)
    return {"version": palette.VERSION, "colours": palette.mix()}


@task
def tell(before: dict[str, str]) -> list[str]:
    """Return which version the step before had, and which this one has."""
    import palette

    logging.getLogger("paint").warning("told in the shop")
    return [before["version"], palette.VERSION]
