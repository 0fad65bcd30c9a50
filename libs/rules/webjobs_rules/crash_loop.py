"""What runners, history and api agree on about processes of continuous jobs that crash."""

from datetime import timedelta

LONG_LIFE = timedelta(minutes=2)
"""A process that lives as long does not count as crashing: it is started again without a delay, and the
count of crashes in a row begins again with it."""

CRASHES = 3
"""Crashes in a row with which a crash loop begins."""
