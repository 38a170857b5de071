"""`make bench`: how fast the plugin is, beside segment_anything, on the machine it runs on.

One module measures one thing and states its targets; `parts.PARTS` lists them. To add a part,
write a module with `TARGETS` and `measure(run) -> Findings`, and name it there.
"""
