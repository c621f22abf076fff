"""How rewards are told to members: in the catalogue, and on the home screen."""

from loyalty.rewards.schemas import MemberReward, NextReward
from loyalty.rewards.service import Offered
from loyalty.texts import in_language


def next_reward_of(offered: Offered, language: str | None) -> NextReward:
    """Return the nearest reward as members see it."""
    name = in_language(offered.row["name"], language)
    return NextReward(id=offered.row["id"], name=name, points=offered.points, missing_points=offered.missing)


def reward_of(offered: Offered, language: str | None) -> MemberReward:
    """Return a reward as members see it, its texts in a language."""
    row = offered.row
    told = row["description"]
    texts = {"name": in_language(row["name"], language), "description": in_language(told, language) if told else None}
    return MemberReward.model_validate({**row, **texts, "affordable": offered.is_affordable, "missing_points": offered.missing})
