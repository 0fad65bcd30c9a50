"""The vocabulary the services share: commands, events, subjects, statuses and their rules."""
