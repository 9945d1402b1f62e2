"""The warm process: a project set up once, a child forked per call.

``python -m windsock.warm --socket PATH --setup module:function [--watch PATH]... [--idle SECONDS]`` sets the
project up and listens on a unix socket. There is one per socket path, elected by a lock; whoever loses goes
quietly.

**Set-up.** The function named by ``--setup`` is called once, without arguments. It may return nothing, or a
callable that gives a context manager: each child enters that around its one call, so that a project can drop
what must not be shared between processes, such as database connections.

**A call.** The client connects, and sends ``{"protocol": 1, "variables": DIGEST, "since": SECONDS}`` together
with four descriptors: standard output, standard error, a log channel and a call channel. The process has a
child at once and answers ``{"pid": n}``, or ``{"setup_failure": {...}}``. When a call has ended, a child is
forked for the next one, and goes when none comes for ten seconds, or with the process. The child leads its
own process group. It reads one Call from the call channel and writes one Outcome to it; log records go to the
log channel as JSON objects, one a line. When the child has ended, what is left of its group and whatever else
descends from it is killed, and the client is told ``{"exit": status}`` (negative for a signal). When the
client goes away first, the whole group is killed. What left the group gets no SIGTERM, only the SIGKILL at
the end; and that on Linux alone.

**A new owner.** At each call the process looks whether the project has changed since it was set up, or the
caller was started later, with other environment variables; then, and on SIGHUP, and when nobody has called
for long enough, it gives up socket and lock and answers ``{"retired": true}`` to whoever waits, who elects a
new owner. The children that run are seen to their end by the old one. A set-up that failed is told to all
callers until a file changed, or for five seconds, and is then tried again.

**Its end.** SIGTERM ends it with all its children. On Linux a small guard above it ends what descends from
it, should it be killed.

A frame is four bytes of length, big-endian, and a JSON object.
"""

from windsock.warm.client import Session, WarmProcess

__all__ = ["Session", "WarmProcess"]
