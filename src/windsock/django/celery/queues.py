"""How Django's queue names and priorities look at the broker.

Django's priorities -100..100 fall on ten levels: -100..-78 on 0, then every 22 or 23 the next, 0 on 4, 100 on
9. RabbitMQ takes the level as it is; Redis counts the other way, there 0 goes first.
"""

LEVELS = 10


def queue_name(name: str) -> str:
    """Return the broker's queue for a task's queue, so that other apps on the same broker are not hit."""
    return f"windsock.{name}"


def level(priority: int, *, transport: str) -> int:
    """Return the broker's priority, 0..9.

    Args:
        priority: -100..100, more is sooner.
        transport: kombu's name of the broker's kind, "redis", "amqp".
    """
    rising = (priority + 100) * (LEVELS - 1) // 200
    return LEVELS - 1 - rising if transport == "redis" else rising
