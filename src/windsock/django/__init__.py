"""The Django side: tasks, records, workflows, REST and pages."""
