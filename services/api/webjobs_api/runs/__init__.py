"""Runs of triggered jobs."""
