from fastapi import Request, Response

from loyalty.dependencies import ManagesLoyalty
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.rules.errors import ConditionInvalid
from loyalty.simulations import service
from loyalty.simulations.schemas import Simulation, SimulationRequest
from shared.http import APIRouter, Uow, problems, state_of
from shared.http.job_routes import accepted

router = APIRouter(prefix="/v1/simulations", tags=["simulations"])


@router.post(
    "",
    operation_id="simulations_create",
    summary="Try rules",
    responses={202: {"model": Simulation, "description": "All history is being looked at."}}
    | problems(ProgrammeNotFound, ConditionInvalid),
)
async def create(wanted: SimulationRequest, request: Request, response: Response, uow: Uow, caller: ManagesLoyalty) -> Simulation:
    """Look at what an order would earn, or at what a change of rules would have come to over all history (202, as a job)."""
    simulation = await service.simulate(uow, wanted, caller=caller.principal, now=state_of(request).clock.now())
    if simulation.job_id is not None:
        accepted(response, simulation.job_id)
    return simulation
