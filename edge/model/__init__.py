"""The bundle and its interpreter: from the pixels of a face to probabilities."""
