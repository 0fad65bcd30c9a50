"""The `webjobs` command."""
