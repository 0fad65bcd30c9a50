"""Folds lifecycle events into Postgres and answers queries about them."""
