"""Owns processes: runs triggered jobs, keeps continuous jobs running, tells what happened."""
