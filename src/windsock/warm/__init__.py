"""The warm process: a project set up once, a child forked per call.

``python -m windsock.warm --socket PATH --setup module:function [--idle SECONDS]`` sets the project up and
listens on a unix socket. There is one per socket path, elected by a lock; whoever loses goes quietly.

**Set-up.** The function named by ``--setup`` is called once, without arguments. It may return nothing, or a
callable that gives a context manager: each child enters that around its one call, so that a project can
drop what must not be shared between processes, such as database connections.

**A call.** The client connects, and sends ``{"protocol": 1}`` together with four descriptors: standard
output, standard error, a log channel and a call channel. The process forks at once and answers
``{"pid": n}``, or ``{"setup_failure": {...}}``. The child leads its own process group. It reads one Call from
the call channel and writes one Outcome to it; log records go to the log channel as JSON objects, one a line.
When the child has ended, what is left of its group is killed and the client is told ``{"exit": status}``
(negative for a signal). When the client goes away first, the whole group is killed.

A frame is four bytes of length, big-endian, and a JSON object.
"""

from windsock.warm.client import Session, WarmProcess

__all__ = ["Session", "WarmProcess"]
