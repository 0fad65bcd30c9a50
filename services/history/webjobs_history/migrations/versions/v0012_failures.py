"""How many attempts failed in each minute of the last day, whether or not their runs are kept."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE failures (
            minute timestamptz PRIMARY KEY,
            count bigint NOT NULL
        )
    """)
    # Of those before, only the runs that are kept are known.
    op.execute("""
        INSERT INTO failures (minute, count)
        SELECT date_trunc('minute', ended_at), count(*) FROM runs
        WHERE status = 'Failed' AND imported_from IS NULL AND ended_at > now() - interval '25 hours'
        GROUP BY 1
    """)


def downgrade() -> None:
    op.execute("DROP TABLE failures")
