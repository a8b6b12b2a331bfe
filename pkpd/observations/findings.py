"""What the tables of side effects and of trials have in common: counts, shares, and whether a row can be scored."""

from __future__ import annotations

from pkpd.model.model import FORM_NAMES
from pkpd.observations.cells import Cells
from pkpd.observations.counting import Share, exact_interval, printed_interval, read_share

FORMS = (*FORM_NAMES, "")
# yes: predicted and counted; calibrated: predicted, and left out of the score; no: why_not says why.
SCORED = ("yes", "calibrated", "no")


def number(cells: Cells, column: str) -> float | None:
    """A number of either sign; None where the cell is empty."""
    return cells.number(column) if cells.text(column) else None


def count(cells: Cells, column: str) -> int | None:
    """A whole number from 0 on; None where the cell is empty."""
    found = cells.text(column)
    if not found:
        return None
    if not (found.isascii() and found.isdigit()):
        raise cells.error(column, f'"{found}" is not a whole number. Words go into the column note.')
    return int(found)


def share(cells: Cells, column: str) -> Share | None:
    """A decimal fraction from 0 to 1 with the digits that were printed; None where the cell is empty."""
    found = cells.text(column)
    if not found:
        return None
    try:
        return read_share(found)
    except ValueError as cause:
        raise cells.error(column, f'"{found}" is not a decimal fraction from 0 to 1, such as 0.41.') from cause


def counted(cells: Cells, prefix: str = "") -> tuple[int | None, int | None, Share | None]:
    """Events, total and share of one arm, which fit one another.

    prefix : of the three columns events, total and incidence
    Raises ObservationError for a count above its total or one that does not round to the share printed beside it.
    """
    events, total = count(cells, f"{prefix}events"), count(cells, f"{prefix}total")
    printed = share(cells, f"{prefix}incidence")
    if events is not None:
        if not total or events > total:
            raise cells.error(f"{prefix}events", f"{events} of {total} is no count. The total is not below it, nor 0.")
        if printed is not None and abs(events / total - printed.value) > printed.rounding * (1 + 1e-9):
            text = f"{printed.value:g}, but {events} of {total} is {events / total:.4f}."
            raise cells.error(f"{prefix}incidence", text)
    return events, total, printed


def verdict(cells: Cells) -> tuple[str, str, tuple[str, ...], str]:
    """Scored, why_not, used_by and used_why: reasons stand where they are needed, and only there."""
    scored, reason = cells.word("scored", SCORED), cells.text("why_not")
    if (scored == "no") != bool(reason):
        raise cells.error("why_not", 'a reason stands beside "no", and only there.')
    used, why = cells.used()
    if scored == "calibrated" and not used:
        raise cells.error("used_by", "nothing stands there; it needs the effects that were calibrated to the row.")
    return scored, reason, used, why


def observed(events: int | None, total: int | None, printed: Share | None) -> float | None:
    """The observed share, from the count where there is one; None where nothing is given."""
    if events is not None and total is not None:
        return events / total
    return None if printed is None else printed.value


def interval(events: int | None, total: int | None, printed: Share | None) -> tuple[float, float] | None:
    """Exact 95 % interval of the observed share; None where the number of people is not given."""
    if total is None:
        return None
    if events is not None:
        return exact_interval(events, total)
    return None if printed is None else printed_interval(printed, total)
