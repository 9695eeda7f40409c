"""Paths between images through the charts of a `zoo.ChartVAE`."""

import collections
import itertools

import numpy as np
import tensorflow as tf

from zoo import random
from zoo.base.compiled import compiled

__all__ = ["Interpolation", "shortest_routes"]

_LEAST_SHARE = 0.05  # Of both charts, at an image where they meet.


class Interpolation:
    """Adds interpolation: straight within a chart, and from chart to chart where they meet."""

    def interpolate(self, starts, ends, num, through):
        """Decodes paths between images, each through as few charts as can be.

        Two charts meet at an image that the predictor gives to both with a probability of at least
        0.05. The path goes straight, in coordinates, from the start to such an image, changes
        charts, and so on to the end; of several such images it takes the one with the shortest way.
        Charts that meet nowhere are left at the image that is nearest to being shared.

        Args:
            starts: `[B, H, W, C]`, uint8 or in pixel units.
            ends: `[B, H, W, C]`.
            num: Images of a path, with both ends.
            through: `[M, H, W, C]`, images of the data, among which charts meet.

        Returns:
            float32 `[B, num, H, W, C]`, means of the likelihood if it has one, and else draws.

        Example:
            >>> paths = model.interpolate(images[:2], images[2:4], num=8, through=images)
            >>> paths.shape
            (2, 8, 28, 28, 1)
        """
        starts, ends, through = (_Images(self, images) for images in (starts, ends, through))
        least = np.minimum(through.charts[:, :, None], through.charts[:, None, :])  # [M, N, N]
        routes = shortest_routes(least.max(axis=0) >= _LEAST_SHARE)
        latents = []
        for row in range(len(starts.pixels)):
            route = routes[starts.likeliest[row], ends.likeliest[row]]
            latents += _path(starts.at(row), ends.at(row), through, least, route, num)
        charts, coordinates = map(np.stack, zip(*latents, strict=True))
        charts = np.eye(self.num_charts, dtype=np.float32)[charts]
        likelihood = self.decode((charts, coordinates.astype(np.float32)))
        noise = random.RowNoise(random.row_seeds(0, len(charts)))
        images = np.asarray(self.images_of(likelihood, noise))
        return images.reshape(-1, num, *self.image_shape)

    @compiled
    def _run_places(self, images):
        features = self.encoder(self._as_images(images))
        return tf.exp(self._log_charts(features)), self._posteriors(features).loc


class _Images:
    """Images `[M, H, W, C]` with their charts, and their coordinates in all charts."""

    def __init__(self, model, images):
        images, _ = model._check_batch(images, None)
        charts, coordinates = model._run_places(images)
        self.charts, self.coordinates = np.asarray(charts), np.asarray(coordinates)
        self.pixels = np.reshape(model._as_images(images), [images.shape[0], -1])
        self.likeliest = self.charts.argmax(axis=1)

    def at(self, row):
        """Returns pixels and coordinates in all charts of an image."""
        return self.pixels[row], self.coordinates[row]


def shortest_routes(is_meeting):
    """Returns the charts of the shortest route between each two, by their pair.

    Args:
        is_meeting: Which charts meet, bool `[N, N]`. Between those that no route connects it is
            direct.
    """
    num = len(is_meeting)
    routes = {(start, end): [start, end] for start in range(num) for end in range(num)}
    for start in range(num):
        found = {start: [start]}
        waiting = collections.deque([start])
        while waiting:
            last = waiting.popleft()
            for other in np.flatnonzero(is_meeting[last]):
                if int(other) not in found:
                    found[int(other)] = [*found[last], int(other)]
                    waiting.append(int(other))
        routes.update({(start, end): route for end, route in found.items()})
    return routes


def _path(start, end, through, least, route, num):
    """Returns the charts and coordinates of `num` images from start to end, a list of pairs."""
    stops = [start]
    for chart, other in itertools.pairwise(route):
        share = least[:, chart, other]
        meeting = np.flatnonzero(share >= min(_LEAST_SHARE, share.max()))
        detours = sum(
            np.linalg.norm(through.pixels[meeting] - pixels, axis=1)
            for pixels in (stops[-1][0], end[0])
        )
        stops.append(through.at(meeting[detours.argmin()]))
    stops.append(end)
    lengths = [np.linalg.norm(b[0] - a[0]) for a, b in itertools.pairwise(stops)]
    ends = np.cumsum(lengths)
    path = []
    for place in np.linspace(0.0, ends[-1], num):
        leg = min(int(np.searchsorted(ends, place)), len(route) - 1)
        share = 1.0 - (ends[leg] - place) / max(lengths[leg], 1e-12)
        chart, (_, first), (_, last) = route[leg], stops[leg], stops[leg + 1]
        path.append((chart, (1.0 - share) * first[chart] + share * last[chart]))
    return path
