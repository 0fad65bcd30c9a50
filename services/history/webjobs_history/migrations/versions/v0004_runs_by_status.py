"""Runs of all jobs by status, newest first: what runs now is a handful of rows among any number."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Read backwards. A page without a status merges one scan for each of the five.
    op.execute("CREATE INDEX runs_by_status ON runs (status, run_id, job_name)")


def downgrade() -> None:
    op.execute("DROP INDEX runs_by_status")
