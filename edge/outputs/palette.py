"""Colours of drawings; BGR."""

# Okabe and Ito's palette, which people with any colour vision can tell apart; in the order of EMOTIONS.
COLOURS = (
    (0, 94, 213),
    (115, 158, 0),
    (167, 121, 204),
    (66, 228, 240),
    (200, 200, 200),
    (233, 180, 86),
    (0, 159, 230),
)
UNSURE = (150, 150, 150)
INK = (20, 20, 20)
PAPER = (255, 255, 255)
