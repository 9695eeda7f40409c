"""The papers' figures and tables, each by one command: `vae-zoo reproduce TARGET`.

- `target`: what a target is: training runs, and a drawing of their results.
- `scales`: how large its runs are: smoke, small or paper.
- `store`: where runs and drawings lie; finished ones are never repeated.
- `reproduce`: does runs and draws.
- `report`: one page of all targets.
- `targets/`: one file each.
"""

# Names apart from their code, which takes seconds to load.
NAMES = (
    *("figure-2", "figure-3", "figure-4", "figure-5", "table-2", "figure-6", "figure-7"),
    *("figure-8", "blur-map", "sequential-chain", "pixel-vae-information", "info-vae-metrics"),
    "any-tolerance",
    "exact-em",
    *("short-run", "short-run-pixels", "energy-prior", "topology"),
)
SCALES = ("smoke", "small", "paper")
FOLDER = "reproduction"  # Beside the page of a report: its pictures and numbers.
