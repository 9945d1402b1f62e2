"""What tests of Windsock, and of projects that use it, are built from."""

from windsock.testing.builders import a_step, a_workflow
from windsock.testing.recording import Recording
from windsock.testing.suite import TransportSuite

__all__ = ["Recording", "TransportSuite", "a_step", "a_workflow"]
