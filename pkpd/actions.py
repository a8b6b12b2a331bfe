"""What may happen to amounts at one instant, as plain numbers that event lists and kernels both read."""

from __future__ import annotations

from typing import Final

ADD: Final = 0  # the state gets an amount more
RESET: Final = 1  # every state to its starting value, every state on
REPLACE: Final = 2  # the state gets another amount
MULTIPLY: Final = 3  # the state's amount times a factor
OFF: Final = 4  # the state is emptied, stays empty and takes nothing up
ON: Final = 5  # the state takes part again
