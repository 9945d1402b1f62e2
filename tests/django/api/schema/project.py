"""A project whose API is more than Windsock: what drf-spectacular meets in the wild."""

from typing import Any

from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action, api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet, ViewSet
from tests.django.api.project import ColleagueViewSet, GroupSerializer, UserViewSet

from windsock.django.api.authentication import BearerAuthentication
from windsock.django.api.tracked import TrackedModelViewSet


class PlainGroups(ModelViewSet[Group]):
    """Groups as everybody does them."""

    authentication_classes = (BearerAuthentication,)
    queryset = Group.objects.all()
    serializer_class = GroupSerializer


class NoSerializer(APIView):
    def get(self, request: Request) -> Response:
        return Response()


class OldFilter:
    """Of the time before filters said what they take."""

    def filter_queryset(self, request: Request, queryset: Any, view: APIView) -> Any:
        return queryset


class Broken(ModelViewSet[Group]):
    filter_backends = (OldFilter,)
    queryset = Group.objects.all()
    serializer_class = GroupSerializer


class Loose(ViewSet):
    def list(self, request: Request) -> Response:
        return Response()


@api_view(["GET", "POST"])
def function(request: Request) -> Response:
    return Response()


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@extend_schema(tags=["people"], deprecated=True)
class GroupViewSet(TrackedModelViewSet[Group]):
    queryset = Group.objects.order_by("pk")
    serializer_class = GroupSerializer
    schema = AutoSchema()  # as DEFAULT_SCHEMA_CLASS says for every view of a project

    @action(detail=True)
    def members(self, request: Request, pk: str) -> Response:
        """Answer at once."""
        return Response()


router = DefaultRouter()
router.register("users", UserViewSet)
router.register("colleagues", ColleagueViewSet, basename="colleague")
router.register("groups", GroupViewSet)
router.register("plain", PlainGroups, basename="plain")
router.register("broken", Broken, basename="broken")
router.register("loose", Loose, basename="loose")
urlpatterns = [
    path("shop/", include(router.urls)),
    path("shop/none/", NoSerializer.as_view()),
    path("shop/function/", function),
    path("shop/page/", page),
    path("inner/", include("windsock.django.urls")),
]
