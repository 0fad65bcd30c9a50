"""Jobs: their files, their settings, starting and stopping."""
