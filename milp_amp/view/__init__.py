"""Reading results: text for people. Never solves."""
