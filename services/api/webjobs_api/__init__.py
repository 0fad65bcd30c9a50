"""The HTTP face of webjobs: requests in, commands out, queries answered."""
