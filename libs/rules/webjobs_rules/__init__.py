"""The rules that services and the command line share, without input or output."""
