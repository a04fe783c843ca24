"""Reports of recorded videos: a page, tables and pictures of each.

`batch` finds the tasks. `local` and `cluster` give them to processes of this machine or of others, see `task_process`.
In a process, `video` runs the pipeline into `table` and `digest`, and `report_page` makes the report.
"""
