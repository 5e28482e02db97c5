"""The templates of infra/cloudformation with every reference resolved, as CloudFormation would.

Names and ARNs of resources are made up from their logical names, so that a policy can be read.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "infra" / "cloudformation"
ACCOUNT, REGION = "000000000000", "eu-central-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::NoValue": "",
}
ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:role/keys"
PARAMETERS = {
    "repository": {
        "KeyAdministratorArn": ADMINISTRATOR,
        "OperatorPrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/engineers",
        "FilesName": "files.example.com",
        "FilesCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
    },
    "service": {
        "VpcId": "vpc-1",
        "PublicSubnets": "subnet-1,subnet-2",
        "PrivateSubnets": "subnet-3,subnet-4",
        "Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/hsp@sha256:{'0' * 64}",
        "ApiName": "updates.example.com",
        "ApiCertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/2",
        "AlarmEmail": "ops@example.com",
    },
    "network": {},
}
"""What has to be given."""


class Template:
    """One template, with the parameters above and the defaults of the others."""

    def __init__(self, name: str) -> None:
        from cfnlint.decode import cfn_yaml  # it brings all of sympy: not for who only collects

        self.name = name
        self._raw: dict[str, Any] = cfn_yaml.load(str(FOLDER / f"{name}.yaml"))
        self.parameters: dict[str, Any] = {
            key: PARAMETERS[name].get(key, value.get("Default"))
            for key, value in self._raw.get("Parameters", {}).items()
        }
        self.resources: dict[str, Any] = self._resolved(self._raw["Resources"])

    @property
    def outputs(self) -> dict[str, Any]:
        """What the stack says of itself."""
        return {key: self._resolved(one["Value"]) for key, one in self._raw["Outputs"].items()}

    def of_type(self, kind: str) -> dict[str, Any]:
        """The properties of all resources of one type, by their logical names."""
        found = self.resources.items()
        return {name: one.get("Properties", {}) for name, one in found if one["Type"] == kind}

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolved(each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._called(name, argument)
        return {key: self._resolved(each) for key, each in value.items()}

    def _called(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                parts = argument if isinstance(argument, list) else argument.split(".", 1)
                return self._attribute(*parts)
            case "Fn::Sub":
                return self._sub(argument)
            case "Fn::Join":
                return str(argument[0]).join(self._resolved(argument[1]))
            case "Fn::Select":
                return self._resolved(argument[1])[int(argument[0])]
            case "Fn::If":
                return self._resolved(argument[1])
            case "Fn::GetAZs":
                return [f"{REGION}a", f"{REGION}b"]
            case "Fn::Cidr":
                return [f"10.80.{number * 4}.0/22" for number in range(int(argument[1]))]
            case "Fn::ImportValue":
                return _exported(self._resolved(argument))
        raise NotImplementedError(name)

    def _ref(self, name: str) -> Any:
        if name in self.parameters:
            value = self.parameters[name]
            is_list = str(self._raw["Parameters"][name]["Type"]).startswith("List<")
            return value.split(",") if is_list else _SWITCHES.get(value, value)
        if name == "AWS::StackName":
            return f"hsp-{self.name}"
        if name in PSEUDO:
            return PSEUDO[name]
        if self._raw["Resources"][name]["Type"] in _ARN_IS_ITS_NAME:
            return self._attribute(name, "Arn")
        return name.lower() if self._kind(name) == "s3" else name

    def _attribute(self, name: str, attribute: str) -> str:
        if attribute == "RegionalDomainName":
            return f"{name.lower()}.s3.{REGION}.amazonaws.com"
        if not attribute.endswith("Arn"):
            return f"{name}-{attribute}"
        kind = self._kind(name)
        if kind == "s3":
            return f"arn:aws:s3:::{name.lower()}"
        where = "" if kind == "iam" else REGION
        return f"arn:aws:{kind}:{where}:{ACCOUNT}:{_WHAT.get(kind, '')}{name}"

    def _kind(self, name: str) -> str:
        return str(self._raw["Resources"][name]["Type"]).split("::")[1].lower()

    def _sub(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})
        names: Mapping[str, Any] = {key: self._resolved(each) for key, each in given.items()}
        parts = str(text).split("${")
        done = parts[0]
        for part in parts[1:]:
            name, _, rest = part.partition("}")
            done += str(names[name] if name in names else self._named(name)) + rest
        return done

    def _named(self, name: str) -> Any:
        owner, dot, attribute = name.partition(".")
        return self._attribute(owner, attribute) if dot else self._ref(name)


_ARN_IS_ITS_NAME = {
    "AWS::IAM::ManagedPolicy",
    "AWS::SecretsManager::Secret",
    "AWS::SNS::Topic",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
}
_SWITCHES: Mapping[Any, Any] = {"true": True, "false": False}
_WHAT = {"iam": "role/", "kms": "key/", "logs": "log-group:", "rds": "db:"}


def _exported(name: str) -> Any:
    stack, _, output = name.rpartition("-")
    return template_of(stack.removeprefix("hsp-")).outputs[output]


@cache
def template_of(name: str) -> Template:
    """The same, read once."""
    return Template(name)
