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
        return User.objects.create_user(**validated_data)

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        """Write these fields alone: a password that is set at the same time stays."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save(update_fields=list(validated_data))
        return instance
