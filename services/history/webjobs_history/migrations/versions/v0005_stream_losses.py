"""When the last projected event was stored, and what the stream of events has lost so far."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # 0 for positions from before: they are known by their sequence alone.
    op.execute("ALTER TABLE positions ADD COLUMN stored_at_ns bigint NOT NULL DEFAULT 0")
    op.execute("""
        CREATE TABLE stream_losses (
            noticed_at timestamptz NOT NULL,
            loss text NOT NULL,
            PRIMARY KEY (noticed_at, loss)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE stream_losses")
    op.execute("ALTER TABLE positions DROP COLUMN stored_at_ns")
