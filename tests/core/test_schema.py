"""The schema of result.json: in the docs as the code makes it, and true of every result, invented, real and promoted."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator, ValidationError
from some_results import any_result, real

from runner.core.codec import FormatError, result_from_json, result_to_json
from runner.core.schema import result_schema
from runner.model.result import RunResult

ROOT = Path(__file__).parents[2]
VALIDATOR = Draft202012Validator(result_schema())
KEPT = sorted([*ROOT.glob("tests/results/*.json"), *ROOT.glob("results/baseline/*.json")])


def document() -> dict[str, Any]:
    return json.loads(result_to_json(real("exp13-k3s")))


def test_the_schema_in_the_docs_is_the_codes_own() -> None:
    written = json.loads((ROOT / "docs/result.schema.json").read_text())
    assert written == result_schema(), "make it anew: python -m runner schema --out docs/result.schema.json"
    Draft202012Validator.check_schema(written)


@settings(max_examples=30)
@given(result=any_result())
def test_any_result_is_valid(result: RunResult) -> None:
    VALIDATOR.validate(json.loads(result_to_json(result)))


@pytest.mark.parametrize("path", KEPT, ids=[path.name for path in KEPT])
def test_every_kept_result_is_valid_and_readable(path: Path) -> None:
    VALIDATOR.validate(json.loads(path.read_text()))
    assert result_from_json(path.read_text()).state == "finished"


@pytest.mark.parametrize(
    "change",
    [
        {"unheard": 1},
        {"schema_version": 2},
        {"verdict": "splendid"},
        {"milestones": [{"id": "node-ready"}]},
        {"duration_s": "long"},
        {"arena": {"kind": "moon"}},
    ],
    ids=str,
)
def test_what_the_codec_refuses_the_schema_refuses_too(change: dict[str, Any]) -> None:
    changed = {**document(), **change}
    with pytest.raises(ValidationError):
        VALIDATOR.validate(changed)
    with pytest.raises(FormatError):
        result_from_json(json.dumps(changed))


def test_a_field_added_later_may_be_missing_from_older_files() -> None:
    older = document()
    del older["arena"]["fault"]
    VALIDATOR.validate(older)
    assert result_from_json(json.dumps(older)).arena.fault == ""
