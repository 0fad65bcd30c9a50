"""Schedules of triggered jobs: due times become commands, and events that tell of them."""
