"""Windsock orchestrates the work of a Django project."""

__version__ = "0.1.0"
