"""The command line, and its demo, doctor and systemd unit."""
