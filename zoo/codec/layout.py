"""How a payload's bits are dealt to groups of latents, and from there to blocks."""

import dataclasses

import numpy as np

__all__ = ["Block", "Layout", "as_bytes", "as_rows"]

MOST_BITS = 12  # Of a block: a codebook of 4096 rows.
_SHARE_TOTAL = 4096  # What a layout's shares sum to, about.


@dataclasses.dataclass(frozen=True)
class Block:
    """Latents that are coded together, as one row of one codebook.

    Attributes:
        number: Its place in the payload, which also names its codebook.
        group: The group that its latents belong to.
        members: Their indices within the group, an int array.
        bits: Bits of its row's number.
    """

    number: int
    group: int
    members: np.ndarray
    bits: int


@dataclasses.dataclass(frozen=True)
class Layout:
    """Groups of latents in the order in which they are coded.

    Attributes:
        sizes: Number of latents of each group.
        shares: Bits of a group in proportion to those of others, ints.
        orders: For each group the indices of its latents, in the order in which they are dealt to
            blocks.
        units: How many neighbours in that order are dealt together.
    """

    sizes: tuple
    shares: tuple
    orders: tuple
    units: int = 1

    @classmethod
    def of_rates(cls, rates, units=None):
        """Makes the layout for mean rates.

        Args:
            rates: For each group the mean rate of each latent in nats, `[size]`.
            units: How many neighbours are dealt together, as they stand; None to deal latents one
                by one, those of the largest rate first.
        """
        sums = np.array([group.sum() for group in rates])
        sums = sums if sums.sum() > 0 else np.ones(len(sums))
        shares = np.maximum(1, np.round(_SHARE_TOTAL * sums / sums.sum())).astype(int)
        orders = [
            np.argsort(-group, kind="stable") if units is None else np.arange(len(group))
            for group in rates
        ]
        return cls(
            tuple(len(group) for group in rates),
            tuple(shares.tolist()),
            tuple(tuple(order.tolist()) for order in orders),
            units or 1,
        )

    def to_dict(self):
        """Returns what JSON can hold of it; orders that are as they stand are left out."""
        is_plain = all(order == tuple(range(len(order))) for order in self.orders)
        return {
            "sizes": self.sizes,
            "shares": self.shares,
            "orders": None if is_plain else self.orders,
            "units": self.units,
        }

    @classmethod
    def from_dict(cls, config):
        """Makes the layout of `to_dict`."""
        sizes, orders = tuple(config["sizes"]), config["orders"]
        orders = map(range, sizes) if orders is None else orders
        return cls(sizes, tuple(config["shares"]), tuple(map(tuple, orders)), config["units"])

    def blocks(self, num_bytes):
        """Deals a payload of `num_bytes` to blocks; those without bits are left out."""
        blocks = []
        for group, bits in enumerate(_by_largest_remainders(8 * num_bytes, self.shares)):
            order = np.array(self.orders[group]).reshape(-1, self.units)
            parts = min(-(-bits // MOST_BITS), len(order))
            for part in range(parts):
                members = order[part::parts].reshape(-1)
                of_part = min(bits // parts + (part < bits % parts), MOST_BITS)
                blocks.append(Block(len(blocks), group, members, of_part))
        return blocks


def _by_largest_remainders(total, shares):
    """Splits an int in proportion to shares; in integers, so that every machine does it alike."""
    whole = sum(shares)
    parts = [total * share // whole for share in shares]
    remainders = [total * share % whole for share in shares]
    by_size = sorted(range(len(shares)), key=lambda i: (-remainders[i], i))
    for i in by_size[: total - sum(parts)]:
        parts[i] += 1
    return parts


def as_bytes(indices, blocks, num_bytes):
    """Writes the row number of each block, first block first, into `num_bytes`."""
    value, used = 0, 0
    for index, block in zip(indices, blocks, strict=True):
        value = value << block.bits | int(index)
        used += block.bits
    return (value << (8 * num_bytes - used)).to_bytes(num_bytes, "big")


def as_rows(payload, blocks):
    """Reads what `as_bytes` wrote; returns the row numbers, an int array."""
    value, left = int.from_bytes(payload, "big"), 8 * len(payload)
    indices = []
    for block in blocks:
        left -= block.bits
        indices.append(value >> left & (2**block.bits - 1))
    return np.array(indices, np.int64)
