"""What the REST API offers: for programs at ``/api/schema/``, for people at ``/api/docs/``."""
