"""The JSON of a user."""

from typing import Any

from rest_framework import serializers

from users.models import User


class UserSerializer(serializers.ModelSerializer[User]):
    """What the API reads and writes: never a password, a staff flag, a group or a permission."""

    class Meta:
        model = User
        fields = ("id", "username", "email", "first_name", "last_name", "is_active", "date_joined")
        read_only_fields = ("id", "date_joined")

    def create(self, validated_data: dict[str, Any]) -> User:
        """Create a user who cannot log in before somebody sets a password."""
        user = User(**validated_data)
        user.set_unusable_password()
        user.save()
        return user
