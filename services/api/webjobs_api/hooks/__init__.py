"""Hooks: addresses of others that are called when something happens."""
