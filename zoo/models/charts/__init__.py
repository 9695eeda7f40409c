"""Chart autoencoders: several maps into image space, each of a piece of the data.

Schonsheck, Chen & Lai, "Chart Auto-Encoders for Manifold Structured Data", 2019.
"""

from zoo.models.charts.chart_vae import ChartVAE

__all__ = ["ChartVAE"]
