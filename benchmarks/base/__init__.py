"""Harness, processes, machine, records: what all measurements share."""
