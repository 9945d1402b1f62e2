"""What sensors may ask."""

from django.contrib.auth import get_user_model

from windsock.django.service import check, countable

countable(get_user_model(), fields=["username"])


@check
def is_known(name: str) -> dict[str, str] | None:
    """Return something about a user who is there."""
    found = get_user_model()._default_manager.filter(username=name).first()
    return {"name": name} if found else None
