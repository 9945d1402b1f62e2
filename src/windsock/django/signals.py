"""Django signals about runs of workflows, sent once what they tell is committed.

Receivers get ``sender=WorkflowRun`` and ``run``; what they raise is logged. They run in the process that saw
the end, mostly the relay, and are not told again when that process dies: what must not get lost belongs into
a task. Signals about single tasks are Django's own.
"""

from django.dispatch import Signal

#: A run has ended, with any status; again when it ends after it was cleared.
workflow_run_finished = Signal()
#: A run has ended as FAILED.
workflow_run_failed = Signal()
