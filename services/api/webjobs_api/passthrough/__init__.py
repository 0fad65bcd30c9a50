"""Requests led on to the HTTP servers of continuous jobs."""
