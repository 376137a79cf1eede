"""cdk-nag and cfn-lint find nothing that is not explained."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks

from tests.infra.conftest import FLAGS

# Rules that are broken on purpose, each by a whole kind of resource.
EXPLAINED = {
    "W3005": "CDK adds dependencies that a reference implies already",
    "W3010": "zones are written out: asking AWS at synth needs credentials",
    "W3660": "the local endpoint reads gateway responses only from resources; the definition has the same",
}


@pytest.fixture(scope="session")
def reports(assembly: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((assembly / "validation-report.json").read_text())["pluginReports"]
    return found


def test_the_rules_ran(reports: list[dict[str, Any]]) -> None:
    assert {"CloudFormation Validate", "AwsSolutions"} <= {report["pluginName"] for report in reports}


def test_no_rule_is_broken_without_acknowledgement(reports: list[dict[str, Any]]) -> None:
    broken = [
        (violation["ruleName"], construct["constructPath"])
        for report in reports
        for violation in report["violations"]
        for construct in violation["violatingConstructs"]
        if violation["ruleName"] not in EXPLAINED
    ]
    assert broken == []


def test_an_acknowledgement_names_one_resource_one_rule_and_a_reason(reports: list[dict[str, Any]]) -> None:
    resources: dict[tuple[str, str], set[str]] = {}
    for report in reports:
        for accepted in report.get("suppressedViolations", []):
            assert len(accepted["reason"]) > 20, accepted["ruleName"]
            paths = {construct["constructPath"] for construct in accepted["violatingConstructs"]}
            if accepted["ruleName"] not in EXPLAINED:
                resources.setdefault((accepted["ruleName"], accepted["acknowledgedAt"]), set()).update(paths)
    assert resources
    assert {key: paths for key, paths in resources.items() if len(paths) > 1} == {}


def test_a_planted_violation_is_reported(tmp_path: Path) -> None:
    app = cdk.App(context=FLAGS | {"@aws-cdk/core:failSynthOnValidationErrors": False}, outdir=str(tmp_path))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    sqs.Queue(cdk.Stack(app, "planted"), "Open")
    app.synth()
    found = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    assert "AwsSolutions-SQS4" in {violation["ruleName"] for report in found for violation in report["violations"]}


def test_cfn_lint_finds_only_a_planted_mistake_and_explained_rules(assembly: Path, tmp_path: Path) -> None:
    planted = tmp_path / "planted.json"
    planted.write_text(json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Colour": 1}}}}))
    lint = Path(sys.executable).with_name("cfn-lint")
    command: list[str | Path] = [lint, "--format", "json", "--non-zero-exit-code", "none", "--"]
    # Staging is dev with other names and numbers.
    templates = [
        path for name in ("local", "dev", "prod") for path in assembly.glob(f"assembly-{name}/*.template.json")
    ]
    assert len(templates) == 6
    result = subprocess.run([*command, planted, *templates], capture_output=True, text=True, check=True)
    found = {(match["Rule"]["Id"], match["Filename"] == str(planted)) for match in json.loads(result.stdout)}
    assert found == {("E3002", True)} | {(rule, False) for rule in EXPLAINED}
