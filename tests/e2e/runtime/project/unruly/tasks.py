"""Steps that do what no step should; each notes its process, and every one that it leaves behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import NoReturn

from rules.models import Trace
from rules.tasks import leave_trace

from windsock.django.compat import task
from windsock.django.context import TaskContext

SLEEP = "import time; time.sleep(600)"


def leave_processes(context: TaskContext) -> None:
    """Leave one process in the step's group, one in a session of its own, and a daemon."""
    leave_trace(context)
    own = Trace.objects.filter(pid=os.getpid()).latest("id")
    begun = (
        subprocess.Popen([sys.executable, "-c", SLEEP]).pid,
        subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True).pid,
        daemon(),
    )
    for pid in begun:
        own.pk, own.pid, own.step = None, pid, "left behind"
        own.save()


def daemon() -> int:
    """Fork twice, as daemons do; return the process id of the one that stays."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
        os.write(writer, str(pid).encode())
        os._exit(0)
    return int(os.read(reader, 20))


@task(takes_context=True)
def breed(context: TaskContext, *, hang: bool = False) -> str:
    """Leave processes; return or hang."""
    leave_processes(context)
    while hang:
        time.sleep(60)
    return "bred"


@task(takes_context=True)
def stay_deaf(context: TaskContext) -> NoReturn:
    """Hear no request to end, nor let it reach the processes that are left."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leave_processes(context)
    while True:
        time.sleep(60)


@task(takes_context=True)
def leave_hard(context: TaskContext, status: int) -> NoReturn:
    """End the process with no clean-up."""
    leave_trace(context)
    os._exit(status)


@task(takes_context=True)
def leave_thread(context: TaskContext) -> str:
    """Leave a thread that never ends."""
    leave_trace(context)
    threading.Thread(target=time.sleep, args=(600,)).start()
    return "left"


@task(takes_context=True)
def shout(context: TaskContext, megabytes: int) -> str:
    """Print so much, in lines of 80 characters."""
    leave_trace(context)
    line = "x" * 79
    for _ in range(megabytes):
        print("\n".join([line] * 12_500))
    print("the last line")
    return "hoarse"


@task(takes_context=True)
def weigh(context: TaskContext, megabytes: int) -> str:
    """Return so much."""
    leave_trace(context)
    return "x" * megabytes * 10**6


@task
def vanish() -> None:
    """Be here when the workflow is published, and gone when it runs."""
