"""The command line and what it starts: demo, doctor, systemd unit."""
