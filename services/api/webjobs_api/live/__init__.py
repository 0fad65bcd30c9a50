"""What happens and what is written, told while it happens: server-sent events and text."""
