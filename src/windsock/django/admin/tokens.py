"""API tokens: made here, shown once."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone

from windsock.django.actions import tokens
from windsock.django.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Tokens of users; what is stored is a hash, so that a token can be read only where it is made."""

    list_display = ("name", "user", "created_at", "expires_at")
    list_select_related = ("user",)
    search_fields = ("name",)
    fields = ("user", "name", "expires_at")

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """A token is made or deleted, never changed."""
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Propose a token of one's own that expires."""
        return {"user": request.user.pk, "expires_at": timezone.now() + tokens.LIFETIME}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer other users to superusers alone: a token is as good as its user's password."""
        if db_field.name == "user" and not request.user.is_superuser:
            users = db_field.remote_field.model._default_manager
            kwargs["queryset"] = users.filter(pk=request.user.pk)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Issue the token and show it, this once."""
        lifetime = None if obj.expires_at is None else obj.expires_at - timezone.now()
        token = tokens.issue(obj.user, name=obj.name, lifetime=lifetime)
        obj.pk = ApiToken.objects.get(digest=ApiToken.digest_of(token)).pk
        messages.warning(request, f"Copy the token now; it is not shown again: {token}")
