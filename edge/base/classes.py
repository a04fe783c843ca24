"""The seven classes, in the one order that every folder, tensor, table and record keeps."""

EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""Class names; the position is the class number, the folder's name and the output's column."""
