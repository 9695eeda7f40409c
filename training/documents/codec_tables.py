"""The tables of the codecs, from the JSON of `benchmarks/codec.py` and `lossless_codec.py`."""

import json

from training.documents.markers import table
from training.documents.runs import ROOT

__all__ = ["TABLES"]

_FORMATS = ("JPEG", "WebP", "AVIF", "JPEG XL")
_HEADER = (
    *("model, κ, effort", "images", "rate, bits", "bits at its rmse", "over the rate"),
    *("payload of files within κ, bytes", "over the rate", "rmse"),
    *("within", "as PNG", "archive, bytes an image", "seconds to encode one", *_FORMATS),
)


_LOSSLESS_FORMATS = ("PNG", "WebP", "JPEG XL")
_LOSSLESS_HEADER = (
    *("model", "images", "code, bytes", "by log_prob", "archive, bytes an image"),
    *("seconds to encode one", "to decode one"),
    *(f"{kind}{of}" for kind in _LOSSLESS_FORMATS for of in ("", ", of a sheet")),
)


def _codec():
    rows = [_row(report) for report in _reports("codec_*.json")]
    return table(list(_HEADER), rows, texts=1)


def _lossless():
    rows = [_lossless_row(report) for report in _reports("lossless_*.json")]
    return table(list(_LOSSLESS_HEADER), rows, texts=1)


def _reports(pattern):
    paths = sorted((ROOT / "benchmarks" / "results").glob(pattern))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _row(report):
    found = report["codec"]
    return [
        f"{report['model']}, {report['tolerance']:g}, {report['effort']}",
        str(report["num"]),
        f"{found['rate_bits']:.1f}",
        f"{found['bits_at_drawn_rmse']:.1f}",
        f"{found['bits_at_drawn_rmse_over_rate']:.2f}",
        f"{found['payload_bytes']:.2f}",
        f"{found['payload_bits_over_rate']:.2f}",
        f"{found['rmse']:.4f}",
        f"{found['share_within']:.0%}",
        str(found["kept_as_png"]),
        f"{found['archive_bytes_an_image']:.1f}",
        f"{found['encode_seconds_an_image']:.2f}",
        *(_bytes(report["formats"].get(kind)) for kind in _FORMATS),
    ]


def _lossless_row(report):
    found = report["codec"]
    formats = (report["formats"], report["formats_sheet"])
    return [
        report["model"],
        str(report["num"]),
        f"{found['bytes']:.1f}",
        f"{found['bytes_by_log_prob']:.1f}",
        f"{found['archive_bytes_an_image']:.1f}",
        f"{found['encode_seconds_an_image']:.2f}",
        f"{found['decode_seconds_an_image']:.2f}",
        *(f"{found[kind]:.0f}" for kind in _LOSSLESS_FORMATS for found in formats),
    ]


def _bytes(found):
    if found is None or found["bytes"] is None:
        return "–"
    left_out = f" ({found['left_out']} left out)" if found["left_out"] else ""
    return f"{found['bytes']:.0f}{left_out}"


TABLES = {"codec": _codec, "lossless": _lossless}
