"""What commands print with `--json`: a module for each command, or for what several are about.

Fields are only ever added.
"""
