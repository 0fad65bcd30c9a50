"""One action on many jobs, or on many runs, by one request."""
