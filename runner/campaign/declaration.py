"""Reads the matrix's declaration, and finds out what its builds of gVisor are."""

import json
import tomllib
from pathlib import Path

import trio

from runner.core.codec import FormatError, from_json
from runner.core.matrix import HERE, Build, Matrix, MatrixError, Placed, Plan, around_us, spread
from runner.registry import all_experiments
from runner.supply.gvisors import gvisor_named
from runner.supply.supplied import SupplyError

FILE = Path("matrix.toml")


def read_matrix(path: Path) -> Matrix:
    """Read a declaration.

    Raises:
        MatrixError: It cannot be read, or is not of the form; the message names the file and the key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return from_json(json.dumps(document), Matrix)
    except OSError as error:
        raise MatrixError(f"cannot read {path}: {error.strerror}; name a declaration, as matrix.toml is one") from error
    except UnicodeDecodeError as error:
        raise MatrixError(f"{path}: not text; name a declaration, as matrix.toml is one") from error
    except (tomllib.TOMLDecodeError, FormatError, TypeError) as error:
        raise MatrixError(f"{path}: {error}") from error


def plan_of(matrix: Matrix, *, here: bool = False) -> Plan:
    """Spread a matrix over the experiments that there are.

    Args:
        matrix: The declaration.
        here: For the gVisor around us, instead of the declared builds.

    Raises:
        MatrixError: It names what there is not.
    """
    if here:
        return spread(around_us(matrix), all_experiments(), {HERE.name: HERE})
    return spread(matrix, all_experiments(), builds_of(matrix))


def refused_here(placed: Placed) -> str:
    """Why this machine cannot run a cell; empty when it can."""
    return next((reason for path, reason in placed.unless.items() if not Path(path).exists()), "")


def builds_of(matrix: Matrix) -> dict[str, Build]:
    """What each name on the runsc axis means; nothing is built.

    A version that nobody knows stays as it is written: its cells then say why it is not to be had.
    """
    return trio.run(_builds_of, tuple(axis.name for axis in matrix.runsc))


async def _builds_of(names: tuple[str, ...]) -> dict[str, Build]:
    found = {}
    for name in names:
        try:
            build = await gvisor_named(name)
        except SupplyError:
            found[name] = Build(name=name, version=name, platforms=())
        else:
            found[name] = Build(name=name, version=build.version, platforms=build.platforms)
    return found
