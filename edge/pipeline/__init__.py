"""The threads of a run: capture, stages, queues, governor, reload."""
