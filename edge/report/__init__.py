"""Reports of recorded videos: a page, tables and pictures of each.

`batch` starts a process for each video. In it, `video` runs the pipeline into `table` and `digest`, and `page` makes
the report.
"""
