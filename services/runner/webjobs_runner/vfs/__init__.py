"""Files of the site folder, read and written for the api."""
