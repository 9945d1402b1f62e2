"""The five actions on users, each of them a tracked task."""

from rest_framework.routers import SimpleRouter

from users.api import UserViewSet

router = SimpleRouter()
router.register("api/users", UserViewSet, basename="user")
urlpatterns = router.urls
