"""Reads a synthesised template."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any


@dataclass(frozen=True)
class Template:
    """A CloudFormation template."""

    body: Mapping[str, Any]

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the resources of one type, by logical id."""
        return {id_: resource for id_, resource in self.body["Resources"].items() if resource["Type"] == kind}

    def one(self, kind: str, *, starting: str = "") -> tuple[str, Any]:
        """Return the only resource of this type whose logical id has this prefix."""
        (found,) = ((id_, resource) for id_, resource in self.of_type(kind).items() if id_.startswith(starting))
        return found

    def plain(self, value: object) -> str:
        """Return a value as text: a parameter as its SSM name, an attribute as `Id.Attribute`."""
        match value:
            case {"Ref": str(name)}:
                parameter = self.body.get("Parameters", {}).get(name, {})
                return str(parameter.get("Default", name))
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{name}.{attribute}"
            case {"Fn::Join": [separator, parts]}:
                return str(separator).join(self.plain(part) for part in parts)
            case str():
                return value
        raise TypeError(f"not a text: {value}")

    def rights(self, role: str, effect: str = "Allow") -> dict[str, set[str]]:
        """Return what a role's policies allow, or deny under a condition: actions by resource."""
        policies = self.of_type("AWS::IAM::Policy").values()
        return self.rights_of([policy for policy in policies if {"Ref": role} in policy["Properties"]["Roles"]], effect)

    def rights_of(self, policies: list[Any], effect: str = "Allow") -> dict[str, set[str]]:
        """Return the same for policies. What they deny without a condition is not allowed."""
        statements = [one for policy in policies for one in policy["Properties"]["PolicyDocument"]["Statement"]]
        never = [one for one in statements if one["Effect"] == "Deny" and "Condition" not in one]
        assert all(one["Resource"] == "*" for one in never)
        denied = [action for one in never for action in _listed(one["Action"])]
        rights: dict[str, set[str]] = {}
        for statement in statements:
            if statement["Effect"] != effect or statement in never:
                continue
            actions = {one for one in _listed(statement["Action"]) if not any(fnmatch(one, no) for no in denied)}
            for resource in _listed(statement["Resource"]):
                rights.setdefault(self.plain(resource), set()).update(actions)
        return rights


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
