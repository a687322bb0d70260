"""A random history of changes, against a model that keeps policies in sets: who may what is the same at every step, in
every worker, however many names were changed and reused meanwhile."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sampan.kernel.fault import Fault
from sampan.services.identity import model as m
from sampan.services.objects import model as om
from tests.identity.test_access import Library, get, ref
from tests.identity.world import allow, deny, say

KEYS = ("a", "b", "c")
names = st.sampled_from(("ann", "bea"))
groups = st.sampled_from(("g", "h"))
policies = st.sampled_from(("/p", "/q"))
# A policy of the model: the keys that it allows, and those that it denies.
rules = st.tuples(st.sets(st.sampled_from(KEYS)), st.sets(st.sampled_from(KEYS), max_size=1))
Rule = tuple[set[str], set[str]]


def document(said: Rule) -> m.Document:
    return say(
        *(allow("objects:GetObject", on=f"objects:books/{key}") for key in sorted(said[0])),
        *(deny("objects:GetObject", on=f"objects:books/{key}") for key in sorted(said[1])),
    )


class History(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = Library()
        self.users: dict[str, str] = {}  # key by name
        self.groups: dict[str, set[str]] = {}  # members by name
        self.policies: dict[str, Rule] = {}
        self.inline: dict[tuple[m.EntityKind, str], Rule] = {}
        self.attached: set[tuple[m.EntityKind, str, str]] = set()
        self.bounds: dict[str, str] = {}
        self.lost: list[str] = []  # sessions of users that are no more

    def act(self, command: m.Command) -> object:
        return self.world.act(self.world.root, command)

    def entity(self, kind: m.EntityKind, name: str) -> bool:
        return name in (self.users if kind is m.EntityKind.USER else self.groups)

    # --- what changes -------------------------------------------------------------------------------------------------

    @rule(name=names)
    def create_user(self, name: str) -> None:
        if name not in self.users:
            self.users[name] = self.world.user(self.world.root, name)

    @rule(name=names)
    def delete_user(self, name: str) -> None:
        if name not in self.users:
            return
        session = self.world.act(self.users[name], m.GetSessionToken())
        self.lost.append(session.key_id)
        for group, members in self.groups.items():
            if name in members:
                self.act(m.SetMember(group=group, user=name, member=False))
                members.discard(name)
        self.strip(m.EntityKind.USER, name)
        if self.bounds.pop(name, None):
            self.act(m.SetBoundary(ref=ref(name), policy=None))
        self.act(m.DeleteAccessKey(user=name, key_id=self.users.pop(name)))
        self.act(m.DeleteEntity(ref=ref(name)))

    def strip(self, kind: m.EntityKind, name: str) -> None:
        for row in sorted(self.attached):
            if row[:2] == (kind, name):
                self.act(m.AttachPolicy(ref=ref(name, kind), policy=row[2], attached=False))
                self.attached.discard(row)
        if self.inline.pop((kind, name), None):
            self.act(m.PutInlinePolicy(ref=ref(name, kind), name="own", document=None))

    @rule(old=names, new=names)
    def rename_user(self, old: str, new: str) -> None:
        if old not in self.users or (new in self.users and new != old):
            return
        self.act(m.UpdateEntity(ref=ref(old), new_name=new))
        self.users[new] = self.users.pop(old)
        for members in self.groups.values():
            if old in members:
                members.discard(old)
                members.add(new)
        user = m.EntityKind.USER
        self.attached = {(k, new if (k, n) == (user, old) else n, p) for k, n, p in self.attached}
        if (user, old) in self.inline:
            self.inline[user, new] = self.inline.pop((user, old))
        if old in self.bounds:
            self.bounds[new] = self.bounds.pop(old)

    @rule(group=groups, name=names, member=st.booleans())
    def set_member(self, group: str, name: str, member: bool) -> None:
        if group not in self.groups:
            self.act(m.CreateEntity(ref=ref(group, m.EntityKind.GROUP)))
            self.groups[group] = set()
        if name in self.users:
            self.act(m.SetMember(group=group, user=name, member=member))
            (self.groups[group].add if member else self.groups[group].discard)(name)

    @rule(policy=policies, said=rules, version=st.booleans())
    def write_policy(self, policy: str, said: Rule, version: bool) -> None:
        if policy in self.policies:
            command = m.CreatePolicyVersion(policy=policy, document=document(said), make_default=version, rotate=True)
            self.act(command)
            if not version:
                return
        else:
            self.act(m.CreatePolicy(policy=policy, document=document(said)))
        self.policies[policy] = said

    @rule(policy=policies)
    def delete_policy(self, policy: str) -> None:
        used = policy in self.bounds.values() or any(row[2] == policy for row in self.attached)
        try:
            self.act(m.DeletePolicy(policy=policy, versions=True))
        except Fault:
            assert used or policy not in self.policies
        else:
            assert not used
            del self.policies[policy]

    @precondition(lambda self: self.policies)
    @rule(kind=st.sampled_from((m.EntityKind.USER, m.EntityKind.GROUP)), name=names | groups, policy=policies)
    def attach(self, kind: m.EntityKind, name: str, policy: str) -> None:
        if self.entity(kind, name) and policy in self.policies:
            self.act(m.AttachPolicy(ref=ref(name, kind), policy=policy, attached=True))
            self.attached.add((kind, name, policy))

    @precondition(lambda self: self.attached)
    @rule(choice=st.integers(0, 10))
    def detach(self, choice: int) -> None:
        kind, name, policy = row = sorted(self.attached)[choice % len(self.attached)]
        self.act(m.AttachPolicy(ref=ref(name, kind), policy=policy, attached=False))
        self.attached.discard(row)

    @rule(kind=st.sampled_from((m.EntityKind.USER, m.EntityKind.GROUP)), name=names | groups, said=rules)
    def write_inline(self, kind: m.EntityKind, name: str, said: Rule) -> None:
        if self.entity(kind, name):
            self.act(m.PutInlinePolicy(ref=ref(name, kind), name="own", document=document(said)))
            self.inline[kind, name] = said

    @rule(name=names, policy=policies | st.none())
    def bound(self, name: str, policy: str | None) -> None:
        if name in self.users and (policy is None or policy in self.policies):
            self.act(m.SetBoundary(ref=ref(name), policy=policy))
            self.bounds.pop(name, None)
            if policy is not None:
                self.bounds[name] = policy

    # --- what must hold -----------------------------------------------------------------------------------------------

    def expected(self, name: str, key: str) -> bool:
        own = [(m.EntityKind.USER, name)]
        own += [(m.EntityKind.GROUP, group) for group, members in self.groups.items() if name in members]
        said = [self.inline[holder] for holder in own if holder in self.inline]
        said += [self.policies[policy] for kind, holder, policy in self.attached if (kind, holder) in own]
        limit = [self.policies[self.bounds[name]]] if name in self.bounds else []
        if any(key in denied for _, denied in said + limit):
            return False
        return any(key in allowed for allowed, _ in said) and all(key in allowed for allowed, _ in limit)

    @invariant()
    def everybody_may_what_the_model_says(self) -> None:
        for name, key_id in self.users.items():
            for key in KEYS:
                assert self.world.may(key_id, get(key)) is self.expected(name, key), (name, key)
            assert self.world.act(key_id, m.GetCallerIdentity()).name == name
        for session in self.lost:
            assert not self.world.may(session, om.ListBuckets())


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
