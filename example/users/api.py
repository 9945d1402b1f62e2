"""The REST API of users."""

from users.models import User
from users.serializers import UserSerializer
from windsock.django.api.tracked import TrackedModelViewSet


class UserViewSet(TrackedModelViewSet[User]):
    queryset = User.objects.all()
    serializer_class = UserSerializer
