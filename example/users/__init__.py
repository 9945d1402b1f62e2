"""The people who use the project: one table serves the API, the admin and the login."""
