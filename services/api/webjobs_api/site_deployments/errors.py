"""What can go wrong with a deployment of a package."""

from webjobs_rules.errors import WebJobsError


class InvalidDeployment(WebJobsError):
    """A request to deploy that asks for what is not supported, or cannot be done."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Invalid deployment: {reason}")


class InvalidDeploymentFilter(WebJobsError):
    """A parameter of the list of deployments has a value that none can have."""

    http_status = 400

    def __init__(self, name: str, value: str, reason: str) -> None:
        self.name = name
        self.value = value
        super().__init__(f"{name}={value[:100]!r} filters no deployments: {reason}.")


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
