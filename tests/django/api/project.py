"""A project's own API around Django's users: what the view set's tests call."""

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.urls import include, path
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.routers import DefaultRouter
from rest_framework.serializers import CharField, ModelSerializer, ValidationError
from rest_framework.views import APIView

from windsock.django.api.tasks import TaskViewSet
from windsock.django.api.tracked import ModelPermissions, TrackedModelViewSet


class UserSerializer(ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "username", "email", "first_name", "last_name", "is_active")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("first_name") and attrs["first_name"] == attrs.get("last_name"):
            raise ValidationError("The two names must differ.")
        return attrs


class UserViewSet(TrackedModelViewSet[User]):
    queryset = User.objects.order_by("pk")
    serializer_class = UserSerializer


class NotStaff(BasePermission):
    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return request.method in SAFE_METHODS or not obj.is_staff


class ColleagueViewSet(TrackedModelViewSet[User]):
    """Shows only people of the caller's groups, and lets nobody change staff."""

    serializer_class = UserSerializer
    permission_classes = (ModelPermissions, NotStaff)

    def get_queryset(self) -> Any:
        return User.objects.filter(groups__in=self.request.user.groups.all()).order_by("pk")


class GroupSerializer(ModelSerializer[Group]):
    class Meta:
        model = Group
        fields = ("id", "name")


class GroupViewSet(TrackedModelViewSet[Group]):
    queryset = Group.objects.order_by("pk")
    serializer_class = GroupSerializer


class MemberSerializer(ModelSerializer[User]):
    pin = CharField(write_only=True, required=False)

    class Meta:
        model = User
        fields = ("id", "username", "pin")

    def create(self, validated_data: dict[str, Any]) -> User:
        return super().create({"username": validated_data["username"]})


class MemberViewSet(TrackedModelViewSet[User]):
    queryset = User.objects.order_by("pk")
    serializer_class = MemberSerializer


class PermissionSerializer(ModelSerializer[Permission]):
    class Meta:
        model = Permission
        fields = ("id", "name", "codename", "content_type")


class PermissionViewSet(TrackedModelViewSet[Permission]):
    queryset = Permission.objects.order_by("pk")
    serializer_class = PermissionSerializer


router = DefaultRouter()
router.register("users", UserViewSet)
router.register("colleagues", ColleagueViewSet, basename="colleague")
router.register("groups", GroupViewSet)
router.register("members", MemberViewSet, basename="member")
router.register("permissions", PermissionViewSet)
router.register("tasks", TaskViewSet, basename="task")
urlpatterns = [path("api/", include(router.urls))]
