"""The clouds' own policies can be read, and give what their names say."""

from __future__ import annotations

import pytest

from sampan.app import PROVIDED, READERS
from sampan.kernel.names import Resource
from sampan.kernel.policy import Held, Named, Principal, Purpose, Question, decide
from sampan.kernel.ruleset import Compiled
from sampan.services.identity.model import Provided

ACCOUNT = "123456789012"
GIVEN = {
    "AdministratorAccess": (1, 1, 1, 1), "PowerUserAccess": (1, 1, 0, 0), "IAMFullAccess": (0, 0, 1, 1),
    "IAMReadOnlyAccess": (0, 0, 1, 0), "AmazonS3FullAccess": (1, 1, 0, 0), "AmazonS3ReadOnlyAccess": (1, 0, 0, 0),
    "AliyunRAMFullAccess": (0, 0, 1, 1), "AliyunRAMReadOnlyAccess": (0, 0, 1, 0),
    "AliyunSTSAssumeRoleAccess": (0, 0, 0, 0), "AliyunOSSFullAccess": (1, 1, 0, 0),
    "AliyunOSSReadOnlyAccess": (1, 0, 0, 0),
}  # fmt: skip
ASKED = (
    ("objects:GetObject", "b/k"), ("objects:PutObject", "b/k"),
    ("identity:GetUser", "user/ann"), ("identity:CreateUser", "user/ann"),
)  # fmt: skip


@pytest.mark.parametrize("provided", PROVIDED, ids=lambda provided: provided.policy)
def test_each_gives_what_its_name_says(provided: Provided) -> None:
    statements = READERS[provided.document.language].read(provided.document.text, Purpose.IDENTITY, ACCOUNT)
    held = Held(Compiled([Named(provided.name, statements)]))
    given = []
    for action, path in ASKED:
        resource = Resource(action.partition(":")[0], path, ACCOUNT)
        given.append(decide(Question(Principal("user", ACCOUNT, "ann"), action, resource), held).allowed)
    assert tuple(map(int, given)) == GIVEN[provided.name]
