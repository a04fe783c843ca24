"""From a frame to the faces in it: detection, tracking, alignment, classification, smoothing."""
