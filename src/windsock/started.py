"""Since when this process has had its environment variables."""

import time

#: When this process, or the one that it was forked from, started, on the host's monotonic clock, in seconds.
#: Near enough: when this module was imported. So whoever forks workers imports it before, else each worker
#: has a moment of its own, and one that was forked anew seems to have newer variables than its parent.
SINCE = time.monotonic()
