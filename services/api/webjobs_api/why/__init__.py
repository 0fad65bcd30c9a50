"""Why a job does not run: causes from a closed list."""
