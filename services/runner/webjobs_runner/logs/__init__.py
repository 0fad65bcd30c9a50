"""What scripts write: marked, kept on disk, shipped."""
