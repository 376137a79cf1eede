"""The condition of the API's own name: the answers are real DNS messages, from a name server without a socket."""

from collections.abc import Callable
from typing import Any

import dns.message
import dns.nameserver
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from scripts.preconditions.condition import green
from scripts.preconditions.domain import domain
from stacks.config.environments import DEV, LOCAL
from tests.unit.scripts.preconditions.conftest import Account

ZONE = "dev.recollect.example"
OURS = ["ns-1.awsdns.example", "ns-2.awsdns.example"]
SetServers = Callable[..., None]


class NameServer(dns.nameserver.Nameserver):
    """Answers each question with these name servers, or with a failure."""

    def __init__(self, servers: list[str], failure: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._servers, self._failure = servers, failure

    def __str__(self) -> str:  # noqa: D105
        return "a name server without a socket"

    def kind(self) -> str:
        return "test"

    def is_always_max_size(self) -> bool:
        return True

    def answer_nameserver(self) -> str:
        return "none"

    def answer_port(self) -> int:
        return 53

    def query(self, request: dns.message.QueryMessage, *_: Any, **__: Any) -> dns.message.Message:
        answer = dns.message.make_response(request)
        answer.set_rcode(dns.rcode.Rcode(self._failure))
        if self._servers:
            records = (f"{server}." for server in self._servers)
            answer.answer.append(dns.rrset.from_text(request.question[0].name, 60, "IN", "NS", *records))
        return dns.message.from_wire(answer.to_wire())


@pytest.fixture
def set_servers(monkeypatch: pytest.MonkeyPatch) -> SetServers:
    """Return what sets the name servers that DNS has for the zone."""

    def set_servers(servers: list[str], failure: int = dns.rcode.NOERROR) -> None:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [NameServer(servers, failure)]
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)

    return set_servers


def expect_zone(account: Account, name: str = f"{ZONE}.", *, private: bool = False) -> None:
    assert DEV.domain
    zone = {"Id": "/hostedzone/Z", "Name": name, "CallerReference": "1", "Config": {"PrivateZone": private}}
    answer = {"HostedZone": zone, "DelegationSet": {"NameServers": OURS}}
    account.expect("route53", "get_hosted_zone", answer, {"Id": DEV.domain.zone_id})


def test_a_zone_that_is_delegated_is_green(account: Account, set_servers: SetServers) -> None:
    set_servers(OURS[::-1])
    expect_zone(account)
    assert account.check(domain) == green("dev.recollect.example answers")
    assert account.check(domain, LOCAL).state == "green"


@pytest.mark.parametrize(
    ("servers", "failure", "finding"),
    [
        (["ns.registrar.example"], dns.rcode.NOERROR, f"{ZONE} is delegated to ns.registrar.example"),
        ([], dns.rcode.NXDOMAIN, f"no name server answers for {ZONE}"),
        ([], dns.rcode.NOERROR, f"no name server answers for {ZONE}"),
        ([], dns.rcode.SERVFAIL, f"no name server answers for {ZONE}"),
    ],
)
def test_a_zone_that_is_not_delegated_is_red(
    account: Account, set_servers: SetServers, servers: list[str], failure: int, finding: str
) -> None:
    set_servers(servers, failure)
    expect_zone(account)
    result = account.check(domain)
    assert (result.state, result.finding) == ("red", finding)
    assert ", ".join(OURS) in result.remedy


def test_a_missing_zone_is_red_with_the_command_that_makes_it(account: Account) -> None:
    account.refuse("route53", "get_hosted_zone", "NoSuchHostedZone")
    result = account.check(domain)
    assert (result.state, f"create-hosted-zone --name {ZONE}" in result.remedy) == ("red", True)


@pytest.mark.parametrize(("name", "private"), [("other.example.", False), (f"{ZONE}.", True)])
def test_another_zone_or_a_private_one_is_red(account: Account, name: str, private: bool) -> None:  # noqa: FBT001
    expect_zone(account, name, private=private)
    assert account.check(domain).state == "red"
