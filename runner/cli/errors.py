"""Which expected error ends the command with which exit code; anything else is a bug and shows its traceback."""

from runner.arena.limits import FaultUnavailableError
from runner.cli.exit_codes import ExitCode
from runner.core.codec import FormatError
from runner.core.matrix import MatrixError
from runner.core.prepare import PlanError
from runner.host.store import NoSuchRunError, StoreError
from runner.recorded.logfile import ReplayError
from runner.registry import DeclarationError, UnknownExperimentError
from runner.runs import ArenaError
from runner.supply.cache import CacheError
from runner.supply.gvisors import UnknownBuildError
from runner.supply.layer import LayerUnavailableError
from runner.supply.supplied import SupplyError
from runner.up.forward import UnreachableError
from runner.up.recipe import RecipeError
from runner.workloads import WorkloadError

CODES: dict[type[Exception], ExitCode] = {
    PlanError: ExitCode.USAGE,
    MatrixError: ExitCode.USAGE,
    RecipeError: ExitCode.USAGE,
    UnreachableError: ExitCode.SKIPPED,
    UnknownExperimentError: ExitCode.USAGE,
    DeclarationError: ExitCode.USAGE,
    ArenaError: ExitCode.SKIPPED,
    FaultUnavailableError: ExitCode.SKIPPED,
    WorkloadError: ExitCode.SKIPPED,
    UnknownBuildError: ExitCode.USAGE,
    SupplyError: ExitCode.SKIPPED,
    LayerUnavailableError: ExitCode.SKIPPED,
    CacheError: ExitCode.HARNESS,
    NoSuchRunError: ExitCode.NOTHING_RUN,
    StoreError: ExitCode.HARNESS,
    FormatError: ExitCode.HARNESS,
    ReplayError: ExitCode.NOTHING_RUN,
}


def exit_code_of(error: BaseException) -> ExitCode | None:
    """The code for an expected error, also inside the groups that nurseries raise; None for a bug."""
    error = lone(error)
    for kind, code in CODES.items():
        if isinstance(error, kind):
            return code
    return None


def lone(error: BaseException) -> BaseException:
    """The one error inside the groups that nurseries raise; a group of several stays one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
