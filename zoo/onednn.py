"""Has TensorFlow use oneDNN's kernels, which it leaves unused on processors without AVX-512 VNNI.

Our convolutions and dense layers take 1.1 to 2.2 times as long without (docs/RESULTS.md).
Results differ in rounding. TensorFlow reads the variable when it is imported: whoever imports it
before the zoo, or has set the variable, has decided.
"""

import os
import platform

__all__ = ["use_onednn"]

_VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
_X86 = ("x86_64", "amd64")  # Elsewhere nothing was measured.


def use_onednn():
    """Sets the variable, unless it is set."""
    if platform.machine().lower() in _X86:
        os.environ.setdefault(_VARIABLE, "1")
