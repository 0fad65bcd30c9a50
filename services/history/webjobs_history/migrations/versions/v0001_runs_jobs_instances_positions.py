"""Tables of the first release: runs, jobs, instances, positions."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Each run is written up to three times: room in its page lets Postgres rewrite it without the index.
    op.execute("""
        CREATE TABLE runs (
            job_name text COLLATE "C" NOT NULL,
            run_id text COLLATE "C" NOT NULL,
            status text NOT NULL,
            attempt integer NOT NULL,
            trigger text NOT NULL,
            arguments text,
            digest text NOT NULL,
            instance text NOT NULL,
            requested_at timestamptz NOT NULL,
            started_at timestamptz,
            ended_at timestamptz,
            exit_code bigint,
            signal integer,
            reason text,
            evidence text NOT NULL,
            has_error_log boolean NOT NULL,
            PRIMARY KEY (job_name, run_id)
        ) WITH (fillfactor = 85)
    """)
    op.execute("""
        CREATE TABLE jobs (
            job_name text COLLATE "C" PRIMARY KEY,
            run_count integer NOT NULL,
            latest_run json NOT NULL
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        CREATE TABLE instances (
            job_name text COLLATE "C" NOT NULL,
            instance text COLLATE "C" NOT NULL,
            boot text NOT NULL,
            sequence bigint NOT NULL,
            status text NOT NULL,
            since timestamptz NOT NULL,
            digest text NOT NULL,
            exit_code bigint,
            reason text,
            evidence text NOT NULL,
            PRIMARY KEY (job_name, instance)
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        CREATE TABLE positions (
            reader text COLLATE "C" PRIMARY KEY,
            stream text NOT NULL,
            stream_created_at text NOT NULL,
            sequence bigint NOT NULL,
            replay_until bigint NOT NULL
        ) WITH (fillfactor = 50)
    """)


def downgrade() -> None:
    op.execute("DROP TABLE runs, jobs, instances, positions")
