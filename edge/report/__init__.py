"""Reports of recorded videos: tables, figures and pictures of what was seen in each.

`batch` gives each video a process; there, `video` runs the pipeline into `table` and `digest`, and `page` tells the
rest.
"""
