"""The messages the services share: commands, events, queries, subjects, and what is stored on NATS."""
