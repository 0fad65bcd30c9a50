"""The rules of the projection, apart from any input or output."""
