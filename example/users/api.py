"""The REST API of users."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from users.models import User
from users.serializers import UserSerializer
from windsock.django.api.tracked import ModelPermissions, TrackedModelViewSet


class OnlySuperusersTouchStaff(BasePermission):
    message = "Only a superuser may change or delete staff."

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        is_staff = obj.is_staff or obj.is_superuser
        return request.method in SAFE_METHODS or not is_staff or request.user.is_superuser


class UserViewSet(TrackedModelViewSet[User]):
    queryset = User.objects.order_by("username")
    serializer_class = UserSerializer
    permission_classes = (ModelPermissions, OnlySuperusersTouchStaff)

    def perform_update(self, serializer: Any) -> None:
        """Nobody locks themselves out, so there is always a superuser left."""
        changes = serializer.validated_data
        if serializer.instance.pk == self.request.user.pk and not changes.get("is_active", True):
            raise ValidationError({"is_active": ["You cannot deactivate your own account."]})
        super().perform_update(serializer)

    def perform_destroy(self, instance: User) -> None:
        if instance.pk == self.request.user.pk:
            raise ValidationError({"id": ["You cannot delete your own account."]})
        super().perform_destroy(instance)
