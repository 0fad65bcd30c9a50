"""What can go wrong with a deployment of a package."""

from webjobs_rules.errors import WebJobsError


class InvalidDeployment(WebJobsError):
    """A request to deploy that asks for what is not supported, or cannot be done."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Invalid deployment: {reason}")


class DeploymentNotFound(WebJobsError):
    """There is no deployment of this id, or no longer."""

    http_status = 404

    def __init__(self, deployment_id: str) -> None:
        self.deployment_id = deployment_id
        which = "There is no deployment yet" if deployment_id == "latest" else "There is no such deployment"
        super().__init__(f"{which}: {deployment_id[:100]!r}. GET /api/deployments lists those that are kept.")


class DeploymentInProgress(WebJobsError):
    """A package is being deployed; a second one at the same time would mix the files of both."""

    http_status = 409

    def __init__(self, deployment_id: str) -> None:
        self.deployment_id = deployment_id
        super().__init__(
            f"The deployment {deployment_id} is in progress. Wait until "
            f"GET /api/deployments/{deployment_id} says that it is complete, then try again."
        )


class DeploymentExists(WebJobsError):
    """A deployment is recorded under an id that is taken."""

    http_status = 409

    def __init__(self, deployment_id: str) -> None:
        self.deployment_id = deployment_id
        super().__init__(f"There is a deployment {deployment_id!r} already. Use another id.")
