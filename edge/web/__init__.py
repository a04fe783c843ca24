"""The live page: what the camera sees and what the faces show, in a browser. Wants the extra `web`."""
