"""Files of the site folder."""
