"""The embedded local stack: NATS, Postgres and the three services as supervised children."""
