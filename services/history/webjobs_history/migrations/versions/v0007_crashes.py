"""How often in a row the process of a continuous job ended with an error soon after its start."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # 0 for instances from before: their next crash is the first that counts.
    op.execute("""
        ALTER TABLE instances
            ADD COLUMN crashes integer NOT NULL DEFAULT 0,
            ADD COLUMN crashing_since timestamptz
    """)


def downgrade() -> None:
    op.execute("ALTER TABLE instances DROP COLUMN crashes, DROP COLUMN crashing_since")
