"""The history of the tables: one Alembic version a change, and running them safely from many replicas."""
