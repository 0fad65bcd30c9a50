"""How large the logs of a run are, and how many lines are missing in them."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null for runs from before: they were not counted.
    op.execute("""
        ALTER TABLE runs
            ADD COLUMN output_log_bytes bigint,
            ADD COLUMN error_log_bytes bigint,
            ADD COLUMN dropped_lines bigint
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE runs
            DROP COLUMN output_log_bytes,
            DROP COLUMN error_log_bytes,
            DROP COLUMN dropped_lines
    """)
