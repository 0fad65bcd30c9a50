"""From which other system a run was imported."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE runs ADD COLUMN imported_from text")


def downgrade() -> None:
    op.execute("ALTER TABLE runs DROP COLUMN imported_from")
