"""Backups: everything of a stack that cannot be made again, in one file; and restores."""
