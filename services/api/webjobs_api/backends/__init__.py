"""What the api asks of the other services, over NATS."""
