"""What `test_deployment_kills.py` consists of: a stack whose index of packages is slow, kills, and checks."""
