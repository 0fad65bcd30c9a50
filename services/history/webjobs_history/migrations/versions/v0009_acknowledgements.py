"""What people have acknowledged of the jobs that need attention."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty at first: no earlier release wrote such events.
    op.execute("""
        CREATE TABLE acknowledgements (
            job_type text COLLATE "C" NOT NULL,
            job_name text COLLATE "C" NOT NULL,
            kind text COLLATE "C" NOT NULL,
            acknowledgement_id text NOT NULL,
            at timestamptz NOT NULL,
            by text NOT NULL,
            note text NOT NULL,
            term text NOT NULL,
            until timestamptz,
            evidence text NOT NULL,
            text text NOT NULL,
            PRIMARY KEY (job_type, job_name, kind)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE acknowledgements")
