"""The events of jobs, as they happen."""
