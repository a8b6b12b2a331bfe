"""A number of the standard normal distribution that every 95 % interval is made with."""

from __future__ import annotations

Z95 = 1.959963984540054  # its 97.5 % point
