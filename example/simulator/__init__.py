"""Simulators: rows of a table, each of which is a workflow of its own."""
