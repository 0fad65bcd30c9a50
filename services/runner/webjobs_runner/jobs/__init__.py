"""What jobs there are: definitions, commands that change them, folders brought in line."""
