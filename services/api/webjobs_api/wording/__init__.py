"""Words for amounts, and sentences with instants in them: what answers and pages share."""
