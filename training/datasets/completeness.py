"""Finds out, without reading the data, whether prepared TFDS data is all there.

A copy that stopped half-way leaves shards missing or cut short, and TensorFlow Datasets (TFDS)
looks only for the folder. A TFRecord file is a sequence of records, each of 8 bytes of length, 4 of
checksum, the payload, and 4 of checksum; `SplitInfo.num_bytes` sums the payloads. So the sizes of
the files say whether they are whole, and if those numbers do not match (other writers count
otherwise), the lengths in the files do, read by jumping from record to record.
"""

import json
import struct

RECORD_OVERHEAD_BYTES = 16
LENGTH_HEADER_BYTES = 12  # of a record: length and its checksum; 4 bytes follow the payload


def find_defect(builder) -> str | None:
    """Looks for what is missing in the data folder of a TFDS builder.

    Changed bytes are not looked for: TensorFlow's reader checks every record's checksum.

    Args:
        builder: A `tfds.core.DatasetBuilder`.

    Returns:
        What is wrong, in words that name the file, or None if the data is complete.
    """
    if not builder.data_path.exists():
        return f"no folder {builder.data_path}"
    if not (builder.data_path / "dataset_info.json").exists():
        return f"the folder {builder.data_path} without the file dataset_info.json"
    if not builder.info.splits:
        return f"a file {builder.data_path / 'dataset_info.json'} that lists no splits"
    defects = (_find_split_defect(builder, split) for split in builder.info.splits.values())
    return next((defect for defect in defects if defect), None)


def is_cut_short(json_file) -> bool:
    """Whether a file is there and is not JSON.

    Args:
        json_file: The path, with the methods of `pathlib.Path`.
    """
    if not json_file.exists():
        return False
    try:
        json.loads(json_file.read_bytes())
    except ValueError:
        return True
    return False


def _find_split_defect(builder, split) -> str | None:
    lengths = {
        builder.data_path / name: length
        for name, length in zip(split.filenames, split.shard_lengths, strict=True)
        if length
    }
    missing = [shard for shard in lengths if not shard.exists()]
    if missing:
        others = f" and {len(missing) - 1} more" if missing[1:] else ""
        return f"{missing[0]} missing{others}"
    file_format = builder.info.file_format
    if file_format and file_format.value != "tfrecord":
        return None  # we know of no such relation for the other formats
    for shard in lengths:
        if _ends_in_zeros(shard):
            return f"{shard} that ends in zeros, as a file that was not copied to its end"
    num_bytes = sum(shard.stat().length for shard in lengths)
    if num_bytes == split.num_bytes + RECORD_OVERHEAD_BYTES * split.num_examples:
        return None
    for shard, expected in lengths.items():
        received, whole = count_records(shard)
        if not whole or received != expected:
            end = "" if whole else " and a part of another"
            return f"{shard} with {received} of {expected} records{end}"
    return None


def _ends_in_zeros(shard) -> bool:
    """Whether the last checksum is 0, as where a file was given its size before its content."""
    num_bytes = shard.stat().length
    if num_bytes < RECORD_OVERHEAD_BYTES:
        return False
    with shard.open("rb") as file:
        file.seek(num_bytes - 4)
        return file.read(4) == bytes(4)


def count_records(shard) -> tuple[int, bool]:
    """Counts the records of a TFRecord file by their headers.

    Args:
        shard: The path, with the methods of `pathlib.Path`.

    Returns:
        The number of whole records, and whether the file ends where the last one does.
    """
    num_records = position = 0
    with shard.open("rb") as file:
        end = file.seek(0, 2)
        while position < end:
            file.seek(position)
            header = file.read(LENGTH_HEADER_BYTES)
            if len(header) < LENGTH_HEADER_BYTES or header == bytes(LENGTH_HEADER_BYTES):
                return num_records, False
            position += RECORD_OVERHEAD_BYTES + struct.unpack("<Q", header[:8])[0]
            if position > end:
                return num_records, False
            num_records += 1
    return num_records, True
