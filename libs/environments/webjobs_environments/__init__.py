"""Environments with the packages of jobs: resolved, built, held in use. Runner and command line share it."""
