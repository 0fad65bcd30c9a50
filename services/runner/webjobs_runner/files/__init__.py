"""Job folders on this runner's disk: packages, versions, uploads, drops."""
