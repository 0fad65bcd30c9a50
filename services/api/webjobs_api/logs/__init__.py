"""The logs of jobs and runs."""
