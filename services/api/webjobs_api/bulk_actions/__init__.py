"""One action on many jobs by one request."""
