"""`python -m training.documents`, which `make docs` runs: writes all tables and pictures."""

from training.catalogue import pages
from training.documents import (
    accuracy_tables,
    benchmark_tables,
    chain_tables,
    codec_tables,
    markers,
    multiplier_tables,
    pictures,
    prior_tables,
    result_tables,
    speed_tables,
    zero_tuning_tables,
)
from training.documents.runs import ROOT
from training.reproduction import FOLDER, drawn
from training.reproduction.report import read_entries, write_pages
from training.runs.run_directory import replace_file

__all__ = ["DOCUMENTS", "TABLES", "main"]

_NAMES = ("README.md", "docs/RESULTS.md", "docs/CODEC.md", "docs/SCALING.md")
DOCUMENTS = tuple(ROOT / name for name in _NAMES)
TABLES = (
    result_tables.TABLES
    | benchmark_tables.TABLES
    | speed_tables.TABLES
    | multiplier_tables.TABLES
    | accuracy_tables.TABLES
    | codec_tables.TABLES
    | prior_tables.TABLES
    | chain_tables.TABLES
    | zero_tuning_tables.TABLES
)


def main():
    """Writes tables and pictures of README.md and docs/."""
    for document in DOCUMENTS:
        text = markers.fill(document.read_text(encoding="utf-8"), TABLES)
        with replace_file(document) as file:
            file.write(text)
    for picture in pictures.PICTURES:
        pictures.draw(picture)
    folder = ROOT / "docs" / FOLDER
    entries = read_entries(folder)
    for entry in entries:
        if entry.values is not None:
            drawn.draw_again(folder, entry.target)
    write_pages(ROOT / "docs", entries)
    pages.write_pages(ROOT / "savedmodels", ROOT / "docs")
    print("Wrote the tables and pictures of README.md and docs/.")


if __name__ == "__main__":
    main()
