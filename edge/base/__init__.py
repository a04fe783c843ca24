"""Small shared parts: errors, files, geometry, settings, this machine, its network, fetched assets."""
