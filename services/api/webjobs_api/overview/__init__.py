"""The overview of all jobs: what needs attention, what runs, what is due next, and a row for each job."""
