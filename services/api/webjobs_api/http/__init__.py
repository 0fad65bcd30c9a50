"""What every feature needs of HTTP."""
