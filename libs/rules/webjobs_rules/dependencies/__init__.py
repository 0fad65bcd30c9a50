"""What a job's files say about the packages that it needs, and what is refused of it; pure."""
