"""Short messages to telephones by AWS SNS, through boto3.

With ``repository/bucket.py`` the only module that knows boto3. SNS takes no id, so a message that
was sent just before a crash comes twice.
"""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from distribution.notify.errors import NotDelivered
from distribution.notify.words import Message

MAX_CHARACTERS = 300
"""Two parts where every letter is a plain one."""


def send(message: Message, number: str) -> None:
    """Send a message; region and credentials come from boto3's usual places.

    Raises:
        NotDelivered: SNS does not answer, or refuses.
    """
    kind = {"DataType": "String", "StringValue": "Transactional"}
    try:
        _client().publish(
            PhoneNumber=number,
            Message=message.short[:MAX_CHARACTERS],
            MessageAttributes={"AWS.SNS.SMS.SMSType": kind},
        )
    except (BotoCoreError, ClientError, ValueError) as error:
        raise NotDelivered(
            f"SNS: {error}", hint="set AWS_DEFAULT_REGION and credentials as for any AWS program"
        ) from error


def _client() -> Any:
    config = Config(
        connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 2}
    )
    return boto3.Session().client("sns", config=config)
