"""App settings."""
