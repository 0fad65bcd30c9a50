"""Continuous jobs, kept running."""
