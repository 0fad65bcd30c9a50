"""Names of Kudu's events that clients publish, beside those of jobs."""

POST_DEPLOYMENT = "PostDeployment"
"""Kudu's event that a deployment client publishes."""
