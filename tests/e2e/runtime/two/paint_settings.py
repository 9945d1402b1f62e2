"""A project of which two run on one Airflow, each with its own version of a package."""

SECRET_KEY = "only for tests, never used elsewhere"
USE_TZ = True
INSTALLED_APPS = ["paint"]
