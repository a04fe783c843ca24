"""Questions of tests to a page that is served."""

import re


def errors_of(live):
    """Number of errors of the page, as its metrics tell it."""
    exposed = live.exposition("text/plain")[0].decode()
    found = re.search(r'^emotion_edge_errors_total\{.*part="live page".*\} (\S+)$', exposed, re.MULTILINE)
    return float(found[1]) if found else 0
