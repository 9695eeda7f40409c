"""The papers' figures and tables, each by one command: `vae-zoo reproduce TARGET`.

- `target`: what a target is: training runs, and a drawing of their results.
- `scales`: how large its runs are: smoke, small or paper.
- `store`: where runs and drawings lie; finished ones are never repeated.
- `reproduce`: does runs and draws.
- `report`: one page of all targets.
- `targets/`: one file each.
"""
