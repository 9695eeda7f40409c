"""Symbols to bytes by range coding with the package constriction, an optional extra."""

import numpy as np

__all__ = ["SymbolReader", "check_installed", "write_symbols"]

_WORD = ">u4"


def check_installed():
    """Imports constriction.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import constriction
    except ImportError as error:
        raise ImportError(
            "Lossless coding needs the package constriction. Install it by: pip install "
            "'vae-zoo[codec]'"
        ) from error
    return constriction.stream


def write_symbols(symbols, frequencies):
    """Returns the shortest bytes that give symbols back.

    Args:
        symbols: int `[S]`.
        frequencies: How often each of L symbols comes, of 2^20, `[S, L]`; one that never comes can
            be coded all the same, by 24 bits.
    """
    stream = check_installed()
    encoder = stream.queue.RangeEncoder()
    encoder.encode(symbols.astype(np.int32), _family(stream), _shares(frequencies))
    data = encoder.get_compressed().astype(_WORD).tobytes()
    # The coder ends on whole words of 32 bits, most of which say nothing any more.
    for size in range(max(0, len(data) - 8), len(data)):
        for more in (0, 1):
            value = int.from_bytes(data[:size], "big") + more
            if value < 256**size:
                cut = value.to_bytes(size, "big")
                if np.array_equal(SymbolReader(cut).read(frequencies), symbols):
                    return cut
    return data


class SymbolReader:
    """Reads what `write_symbols` wrote.

    Args:
        data: The bytes.
    """

    def __init__(self, data):
        self._stream = check_installed()
        words = np.frombuffer(data + bytes(-len(data) % 4) + bytes(8), _WORD)
        self._decoder = self._stream.queue.RangeDecoder(words.astype(np.uint32))

    def read(self, frequencies):
        """Returns the next symbols, int `[S]`, by frequencies `[S, L]`.

        Of bytes that cannot have been written with these they are 0: whoever reads has to check
        what was read in any case.
        """
        try:
            return self._decoder.decode(_family(self._stream), _shares(frequencies))
        except (AssertionError, ValueError):
            return np.zeros(len(frequencies), np.int32)


def _family(stream):
    return stream.model.Categorical(perfect=False)


def _shares(frequencies):
    """Shares of 2^20, which float32 holds exactly, and so do their sums."""
    return np.float32(frequencies / 2.0**20)
