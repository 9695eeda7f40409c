"""The table of the image codec, from the JSON of `benchmarks/codec.py`."""

import json

from training.documents.markers import table
from training.documents.runs import ROOT

__all__ = ["TABLES"]

_FORMATS = ("JPEG", "WebP", "AVIF", "JPEG XL")
_HEADER = (
    *("model, κ, effort", "images", "rate, bits", "payload, bytes", "over the rate", "rmse"),
    *("within", "as PNG", "archive, bytes an image", "seconds to encode one", *_FORMATS),
)


def _codec():
    paths = sorted((ROOT / "benchmarks" / "results").glob("codec_*.json"))
    rows = [_row(json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    return table(list(_HEADER), rows, ["---"] + ["--:"] * (len(_HEADER) - 1))


def _row(report):
    found = report["codec"]
    return [
        f"{report['model']}, {report['tolerance']:g}, {report['effort']}",
        str(report["num"]),
        f"{found['rate_bits']:.1f}",
        f"{found['payload_bytes']:.2f}",
        f"{found['payload_bits_over_rate']:.2f}",
        f"{found['rmse']:.4f}",
        f"{found['share_within']:.0%}",
        str(found["kept_as_png"]),
        f"{found['archive_bytes_an_image']:.1f}",
        f"{found['encode_seconds_an_image']:.2f}",
        *(_bytes(report["formats"].get(kind)) for kind in _FORMATS),
    ]


def _bytes(found):
    if found is None or found["bytes"] is None:
        return "–"
    left_out = f" ({found['left_out']} left out)" if found["left_out"] else ""
    return f"{found['bytes']:.0f}{left_out}"


TABLES = {"codec": _codec}
