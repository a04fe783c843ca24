"""Memory of an object, measured from outside."""

import pickle


def kept_bytes(kept: object) -> int:
    """Bytes of an object with all that it refers to, as they would be stored."""
    return len(pickle.dumps(kept))
