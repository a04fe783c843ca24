"""The live page and its HTTP interface; needs the extra `web`."""
