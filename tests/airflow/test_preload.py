import subprocess
import sys

from windsock.airflow.preload import MODULES


def test_the_modules_are_there_before_airflows_command_runs() -> None:
    code = (
        "import sys; from windsock.airflow import preload; import airflow.__main__ as command_line;"
        "command_line.main = lambda: print(sys.argv, all(name in sys.modules for name in preload.MODULES));"
        "preload.main(['scheduler'])"
    )

    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "['airflow', 'scheduler'] True"
    assert MODULES
