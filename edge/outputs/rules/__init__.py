"""Rules: conditions on what a run sees, and actions that follow; see `edge.base.settings.Rule`."""
