"""The REST API of users."""

from windsock.django.api.tracked import TrackedModelViewSet

from users.models import User
from users.serializers import UserSerializer


class UserViewSet(TrackedModelViewSet[User]):
    queryset = User.objects.all()
    serializer_class = UserSerializer
