"""`make docs`: writes the tables and pictures of README and docs/ from the JSON that is committed.

- `markers`: where a table stands in a document.
- `runs`: training runs that are committed.
- `result_tables`, `benchmark_tables` and others: tables by name.
- `pictures`: pictures of docs/images by name, and what each is drawn from.
- `kept_examples`: a few examples of a data set in a file.

docs/reproduction and its page are `training.reproduction`'s; they are written along with these.
`tests/training/documents` compares what stands in the documents with what would be written.
"""
