"""Schedules of triggered jobs as clients see them: what is next, and what became of what was due."""
