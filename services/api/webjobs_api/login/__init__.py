"""The login of people, and the end of their sessions."""
