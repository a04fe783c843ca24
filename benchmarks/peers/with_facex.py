"""facex as its page shows, with one classifier: its pool is for several callers."""

from facex import PoolManager
from timing import answer_clip

pool = PoolManager(pool_size=1)
answer_clip("facex", lambda frame: len(pool.predict(frame)))
