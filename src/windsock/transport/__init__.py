"""Transports carry a Call to the interpreter where its function lives, and bring the Outcome back.

Whatever the function does, and however its process ends, is an Outcome. Only what keeps the call from being
carried at all is raised.
"""

from windsock.transport.endings import describe_end, lost, timed_out
from windsock.transport.inline import Inline, Transport
from windsock.transport.subprocess import Running, Subprocess
from windsock.transport.warm import Warm

__all__ = ["Inline", "Running", "Subprocess", "Transport", "Warm", "describe_end", "lost", "timed_out"]
