"""Statistics of each job's ended runs, beside its latest run; those of kept runs are computed here."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Durations are JSON: Postgres takes and returns an array of numbers several times slower.
    op.execute("""
        ALTER TABLE jobs
            ADD COLUMN results text NOT NULL DEFAULT '',
            ADD COLUMN durations json NOT NULL DEFAULT '[]',
            ADD COLUMN streak integer NOT NULL DEFAULT 0,
            ADD COLUMN failing_since timestamptz,
            ADD COLUMN last_success json
    """)
    # The last 100 ended runs of each job by run id, in the order of their ends: of jobs whose runs end in
    # another order than they began, older results may differ from those of a rebuild; so may a longer streak.
    op.execute("""
        WITH ended AS (
            SELECT jobs.job_name, run.run_id, run.status, run.ended_at,
                round(extract(epoch FROM run.ended_at - run.started_at) * 1000)::bigint AS ms,
                row_number() OVER newest AS back,
                first_value(run.status) OVER newest AS last_status
            FROM jobs CROSS JOIN LATERAL (
                SELECT * FROM runs
                WHERE runs.job_name = jobs.job_name AND ended_at IS NOT NULL
                ORDER BY run_id DESC LIMIT 100
            ) AS run
            WINDOW newest AS (PARTITION BY jobs.job_name ORDER BY run.ended_at DESC, run.run_id DESC)
        ), streaks AS (
            SELECT job_name, coalesce(min(back) FILTER (WHERE status <> last_status) - 1, count(*)) AS streak
            FROM ended GROUP BY job_name
        )
        UPDATE jobs SET
            results = statistics.results,
            durations = statistics.durations,
            streak = statistics.streak,
            failing_since = statistics.failing_since,
            last_success = statistics.last_success
        FROM (
            SELECT job_name, streak,
                string_agg(left(status, 1), '' ORDER BY back DESC) AS results,
                json_agg(ms ORDER BY back DESC) FILTER (WHERE back <= 50) AS durations,
                min(ended_at) FILTER (WHERE back <= streak AND status = 'Failed') AS failing_since,
                (array_agg(json_build_object('run_id', run_id, 'ended_at', ended_at) ORDER BY back)
                    FILTER (WHERE status = 'Success'))[1] AS last_success
            FROM ended JOIN streaks USING (job_name) GROUP BY job_name, streak
        ) AS statistics
        WHERE jobs.job_name = statistics.job_name
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE jobs
            DROP COLUMN results,
            DROP COLUMN durations,
            DROP COLUMN streak,
            DROP COLUMN failing_since,
            DROP COLUMN last_success
    """)
