"""Whether draws of estimates are those of the model they are used with."""

from __future__ import annotations

from pkpd.errors import SimulationError
from pkpd.estimates.drawing import Estimates
from pkpd.estimates.given import parameters_of
from pkpd.model.effect import Effect
from pkpd.model.model import Model


def refuse_others_draws(
    given: Estimates, base: Model, more: bool = False, way: str = "pkpd.draw_estimates(model.with_effects(...), ...)"
) -> None:
    """Refuse draws of another model than the one they are used with, or of it without its effects.

    given : the draws
    base  : the model they are used with, with its effects
    more  : whether the draws may be of further effects, which `base` has not
    way   : how they are drawn rightly, for the message
    Raises SimulationError naming a parameter that is not the same.
    """
    drawn, own = parameters_of(given.model), parameters_of(base)
    if more:
        there = {effect.id for effect in base.effects}
        drawn = {name: one for name, one in drawn.items() if not isinstance(one.owner, Effect) or one.owner.id in there}
    for name in {**own, **drawn}:
        if name not in drawn or name not in own or drawn[name].parameter != own[name].parameter:
            raise SimulationError(
                f"replicates: the estimates were drawn for another model than {base.id} with its effects; {name} is "
                f"not the same. Draw them with {way}."
            )


def refuse_nothing_drawn(given: Estimates, base: Model) -> None:
    """Refuse draws under which every replicate is the same.

    given : the draws
    base  : the model they are used with, with its effects
    Raises SimulationError saying what is known of the model's estimates.
    """
    own = parameters_of(base)
    if any(one.name in own for one in given.sampled):
        return
    ranges = [one.name for one in given.left if one.name in own and one.parameter.scan is not None]
    tried = f' Of {", ".join(ranges)} a range worth trying is known: scans="uniform" samples it.' if ranges else ""
    raise SimulationError(
        f"replicates: nothing is drawn: of the estimates of {base.id} and its effects no uncertainty is known, so that "
        f"every replicate would be the same. Leave replicates out, or give pkpd.draw_estimates a covariance or a table "
        f"of draws.{tried}"
    )
