"""Environments with the packages of jobs: built once for each lock and interpreter, and shared."""
