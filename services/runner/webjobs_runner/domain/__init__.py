"""The rules of the runner, apart from any input or output."""
