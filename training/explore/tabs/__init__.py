"""The tabs of the page, one file each: `TITLE`, `is_offered(model)` and `build(model)`.

`build` makes the tab's controls where it is called, and returns what fills them when the tab is
shown: a list of (function, inputs, outputs), in their order. What a control calls are functions of
its values, without a state of their own, so that users do not meet.
"""
