"""What led to a run and what follows it: its due time, the attempts beside it, and whose inputs it took."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null for runs from before, so that no row is written again.
    op.execute("""
        ALTER TABLE runs
            ADD COLUMN scheduled_for timestamptz,
            ADD COLUMN retry_of text,
            ADD COLUMN rerun_of text,
            ADD COLUMN next_run_id text,
            ADD COLUMN next_attempt_at timestamptz
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE runs
            DROP COLUMN scheduled_for,
            DROP COLUMN retry_of,
            DROP COLUMN rerun_of,
            DROP COLUMN next_run_id,
            DROP COLUMN next_attempt_at
    """)
