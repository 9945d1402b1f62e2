"""The whole stack on one machine: ``windsock up``."""
