"""Colours of drawings, BGR."""

CLASS_COLOURS = (
    (0, 94, 213),
    (115, 158, 0),
    (167, 121, 204),
    (66, 228, 240),
    (200, 200, 200),
    (233, 180, 86),
    (0, 159, 230),
    (255, 105, 120),
    (120, 240, 165),
    (90, 0, 255),
    (165, 240, 90),
    (180, 75, 210),
)
"""Colours of the classes, in their order. People with any colour vision can tell them apart: the first seven are Okabe
and Ito's, the others were chosen for their distance from these and from each other."""

UNSURE = (150, 150, 150)
INK = (20, 20, 20)
PAPER = (255, 255, 255)


def colour_of(label: int | None) -> tuple[int, int, int]:
    """Return the colour of a class; from the thirteenth on colours repeat, and names alone tell classes apart."""
    return UNSURE if label is None else CLASS_COLOURS[label % len(CLASS_COLOURS)]
