"""What scripts report of their runs: a result, how far they are, and what was wrong with either."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty for runs from before: their scripts could report nothing.
    op.execute("""
        ALTER TABLE runs
            ADD COLUMN result text,
            ADD COLUMN result_bytes bigint,
            ADD COLUMN progress double precision,
            ADD COLUMN progress_text text NOT NULL DEFAULT '',
            ADD COLUMN warnings json NOT NULL DEFAULT '[]'
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE runs
            DROP COLUMN result,
            DROP COLUMN result_bytes,
            DROP COLUMN progress,
            DROP COLUMN progress_text,
            DROP COLUMN warnings
    """)
