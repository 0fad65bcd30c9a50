"""Deployments that have ended; the events of before name none, so the table begins empty."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE deployments (
            id text COLLATE "C" PRIMARY KEY,
            job_type text COLLATE "C" NOT NULL,
            job_name text COLLATE "C" NOT NULL,
            requested_at timestamptz NOT NULL,
            requested_by text NOT NULL,
            ended_at timestamptz NOT NULL,
            instance text NOT NULL,
            code text NOT NULL,
            text text NOT NULL,
            digest text NOT NULL,
            script text NOT NULL,
            warnings json NOT NULL
        )
    """)
    op.execute("CREATE INDEX deployments_by_job ON deployments (job_type, job_name, id)")


def downgrade() -> None:
    op.execute("DROP TABLE deployments")
