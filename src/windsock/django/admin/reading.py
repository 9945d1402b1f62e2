"""An admin in which things are looked at, and changed elsewhere."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than a person turns pages, however long the table is."""

    bound = 10_000

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most ``bound``."""
        rows = self.object_list
        return rows.order_by()[: self.bound].count() if isinstance(rows, QuerySet) else len(rows)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Neither adds, changes nor deletes: the record has its own writers."""

    #: Fields that the list does not read.
    long_texts: tuple[str, ...] = ()
    #: No count of the whole table for the sake of "3 of 1,234,567".
    show_full_result_count = False
    paginator = BoundedPaginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes here."""
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show every field, those too that nobody edits."""
        return [field.name for field in self.model._meta.fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show them as text."""
        return self.get_fields(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read without the long texts when many are listed."""
        rows = super().get_queryset(request)
        is_list = request.resolver_match is not None and not request.resolver_match.kwargs
        return rows.defer(*self.long_texts) if is_list else rows


def link_to(page: str, key: object, text: str) -> SafeString:
    """Return a link to one of Windsock's pages."""
    return format_html('<a href="{}">{}</a>', reverse(f"windsock:{page}", args=(key,)), text)
