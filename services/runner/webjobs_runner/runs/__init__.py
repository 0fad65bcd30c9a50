"""Runs of triggered jobs, from the command to the last event."""
