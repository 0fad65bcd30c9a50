"""Owns processes: runs triggered jobs, keeps continuous jobs running, publishes what happened."""
