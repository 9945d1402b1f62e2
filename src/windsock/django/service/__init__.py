"""What this project does for DAGs that people write in Airflow: tasks on its workers, checks for sensors.

In the module ``checks`` of an app::

    from windsock.django.service import check, countable

    @check
    def stock_arrived(product: int) -> bool:
        return Stock.objects.filter(product=product).exists()

    countable(Order, fields=["status", "created_at"])

Airflow's side asks under ``/windsock/service/``, signed with the key that both sides share.
"""

from windsock.django.service.registry import check, countable

__all__ = ["check", "countable"]
