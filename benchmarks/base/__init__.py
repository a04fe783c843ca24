"""Common parts of all measurements: harness, processes, machine, records."""
