"""What the three services do alike: settings, logs, lifetime, health."""
