"""Scripts as processes: started, watched, ended with all they started."""
