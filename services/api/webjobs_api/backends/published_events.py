"""Names of Kudu's events that clients publish, beside those of jobs."""

RUN_FINISHED = "TriggeredJobFinished"
"""Kudu's event for the end of a run."""
POST_DEPLOYMENT = "PostDeployment"
"""Kudu's event that a deployment client publishes."""

PUBLISHABLE = (RUN_FINISHED, POST_DEPLOYMENT)
