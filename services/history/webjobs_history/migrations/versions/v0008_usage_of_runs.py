"""What a run has used, and how many lines its log has."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null for runs from before: they were not measured.
    op.execute("""
        ALTER TABLE runs
            ADD COLUMN cpu_seconds double precision,
            ADD COLUMN peak_memory_bytes bigint,
            ADD COLUMN log_lines bigint,
            ADD COLUMN first_error_line bigint
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE runs
            DROP COLUMN cpu_seconds,
            DROP COLUMN peak_memory_bytes,
            DROP COLUMN log_lines,
            DROP COLUMN first_error_line
    """)
