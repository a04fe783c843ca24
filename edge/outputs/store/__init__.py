"""History of a run in an SQLite database: a row for each face and second, and one for each event; never pictures."""
