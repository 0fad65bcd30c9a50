"""Schedules of triggered jobs: due times become commands and recorded ticks."""
