"""Deployments of whole packages into the site folder, as the clients of Azure make them."""
