"""What `make scan` accepts: findings of one rule in named places, each with a reason."""

from tests.scan.__main__ import Acceptance, judge, read_accepted
from tests.scan.tools import TOOLS, Finding

QUEUE = Finding("checkov", "CKV_AWS_27", "dev/AWS::SQS::Queue.Source")


def test_every_acceptance_names_a_scanner_and_says_why() -> None:
    names = {"audit", *(tool.__name__.replace("_", "-") for tool in TOOLS)}
    accepted = read_accepted()
    assert accepted
    assert [one for one in accepted if one.tool not in names or len(one.because) < 15] == []


def test_a_finding_of_another_rule_or_place_is_new() -> None:
    queues = Acceptance("checkov", "CKV_AWS_27", "*/AWS::SQS::Queue.*", "encrypted with SQS' own key")
    topic = Finding("checkov", "CKV_AWS_27", "dev/AWS::SNS::Topic.Alarms")
    other = QUEUE._replace(rule="CKV_AWS_1")
    assert judge([QUEUE, topic, other], [queues]) == ([topic, other], [])


def test_an_acceptance_that_covers_nothing_is_reported() -> None:
    gone = Acceptance("checkov", "CKV_AWS_27", "*/AWS::SNS::Topic.*", "it is gone")
    assert judge([], [gone]) == ([], [gone])
