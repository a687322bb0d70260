"""What is sent for each operation of IAM, RAM and both STS, and which permissions the vendors' pages say that it needs.

Sources: AWS Service Authorization Reference; Alibaba Cloud RAM and STS, the section "Authorization" of each operation.
"""

from __future__ import annotations

from tests.guarded.house import Sample, sample

_IAM_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
_IAM_TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"{account}"},'
    '"Action":"sts:AssumeRole"}]}'
)
_RAM_POLICY = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:GetObject","Resource":"*"}]}'
_RAM_TRUST = (
    '{"Version":"1","Statement":[{"Effect":"Allow","Principal":{"RAM":["acs:ram::{number}:root"]},'
    '"Action":"sts:AssumeRole"}]}'
)
_READ = "PolicyArn=arn:aws:iam::{account}:policy/read"
_SPARE = "PolicyArn=arn:aws:iam::{account}:policy/spare"
_BOUND = "PermissionsBoundary=arn:aws:iam::{account}:policy/spare"
_TAG = "Tags.member.1.Key=a&Tags.member.1.Value=b"
_UNTAG = "TagKeys.member.1=team"
_MFA = "SerialNumber=arn:aws:iam::{account}:mfa/"
_OIDC = "OpenIDConnectProviderArn=arn:aws:iam::{account}:oidc-provider/oidc.example.org"
_PASSWORDS = "OldPassword=Harbour-12345!&NewPassword=Harbour-54321!"
_PROFILE = "InstanceProfileName="
_API_KEY = "UserName=ann&ServiceSpecificCredentialId={api_key}"
_ANN = "PolicySourceArn=arn:aws:iam::{account}:user/ann"
_ASKED = "ActionNames.member.1=s3:GetObject"
_GIVEN = f"PolicyInputList.member.1={_IAM_POLICY}"
_ROLE = "RoleArn=arn:aws:iam::{account}:role/helm&RoleSessionName=night"

IAM: list[tuple[str, Sample]] = [
    ("CreateUser", sample("UserName=new", "iam:CreateUser user/new")),
    ("GetUser", sample("UserName=ann", "iam:GetUser user/ann")),
    ("GetUser", sample("", "iam:GetUser user/zed")),
    ("UpdateUser", sample("UserName=bea&NewUserName=new", "iam:UpdateUser user/bea")),
    ("DeleteUser", sample("UserName=bea", "iam:DeleteUser user/bea")),
    ("ListUsers", sample("", "iam:ListUsers user/*")),
    ("TagUser", sample(f"UserName=ann&{_TAG}", "iam:TagUser user/ann")),
    ("UntagUser", sample(f"UserName=ann&{_UNTAG}", "iam:UntagUser user/ann")),
    ("ListUserTags", sample("UserName=ann", "iam:ListUserTags user/ann")),
    ("PutUserPermissionsBoundary", sample(f"UserName=bea&{_BOUND}", "iam:PutUserPermissionsBoundary user/bea")),
    ("DeleteUserPermissionsBoundary", sample("UserName=ann", "iam:DeleteUserPermissionsBoundary user/ann")),
    ("ListGroupsForUser", sample("UserName=ann", "iam:ListGroupsForUser user/ann")),
    ("CreateGroup", sample("GroupName=new", "iam:CreateGroup group/new")),
    ("GetGroup", sample("GroupName=crew", "iam:GetGroup group/crew")),
    ("UpdateGroup", sample("GroupName=none&NewGroupName=new", "iam:UpdateGroup group/none")),
    ("DeleteGroup", sample("GroupName=none", "iam:DeleteGroup group/none")),
    ("ListGroups", sample("", "iam:ListGroups group/*")),
    ("AddUserToGroup", sample("GroupName=none&UserName=ann", "iam:AddUserToGroup group/none")),
    ("RemoveUserFromGroup", sample("GroupName=crew&UserName=ann", "iam:RemoveUserFromGroup group/crew")),
    ("CreateRole", sample(f"RoleName=new&AssumeRolePolicyDocument={_IAM_TRUST}", "iam:CreateRole role/new")),
    (
        "CreateServiceLinkedRole",
        sample("AWSServiceName=sea.amazonaws.com", "iam:CreateServiceLinkedRole role/AWSServiceRoleForSea"),
    ),
    ("GetRole", sample("RoleName=helm", "iam:GetRole role/helm")),
    ("UpdateRole", sample("RoleName=helm&Description=d", "iam:UpdateRole role/helm")),
    ("UpdateRoleDescription", sample("RoleName=helm&Description=d", "iam:UpdateRoleDescription role/helm")),
    (
        "UpdateAssumeRolePolicy",
        sample(f"RoleName=helm&PolicyDocument={_IAM_TRUST}", "iam:UpdateAssumeRolePolicy role/helm"),
    ),
    ("DeleteRole", sample("RoleName=bare", "iam:DeleteRole role/bare")),
    ("ListRoles", sample("", "iam:ListRoles role/*")),
    ("TagRole", sample(f"RoleName=helm&{_TAG}", "iam:TagRole role/helm")),
    ("UntagRole", sample(f"RoleName=helm&{_UNTAG}", "iam:UntagRole role/helm")),
    ("ListRoleTags", sample("RoleName=helm", "iam:ListRoleTags role/helm")),
    ("PutRolePermissionsBoundary", sample(f"RoleName=bare&{_BOUND}", "iam:PutRolePermissionsBoundary role/bare")),
    ("DeleteRolePermissionsBoundary", sample("RoleName=helm", "iam:DeleteRolePermissionsBoundary role/helm")),
    ("CreateAccessKey", sample("UserName=ann", "iam:CreateAccessKey user/ann")),
    ("ListAccessKeys", sample("UserName=ann", "iam:ListAccessKeys user/ann")),
    ("UpdateAccessKey", sample("UserName=ann&AccessKeyId={key}&Status=Inactive", "iam:UpdateAccessKey user/ann")),
    ("DeleteAccessKey", sample("UserName=ann&AccessKeyId={key}", "iam:DeleteAccessKey user/ann")),
    ("GetAccessKeyLastUsed", sample("AccessKeyId={key}", "iam:GetAccessKeyLastUsed *")),
    ("CreateLoginProfile", sample("UserName=bea&Password=Harbour-12345!", "iam:CreateLoginProfile user/bea")),
    ("GetLoginProfile", sample("UserName=ann", "iam:GetLoginProfile user/ann")),
    ("UpdateLoginProfile", sample("UserName=ann&Password=Harbour-54321!", "iam:UpdateLoginProfile user/ann")),
    ("DeleteLoginProfile", sample("UserName=ann", "iam:DeleteLoginProfile user/ann")),
    ("ChangePassword", sample(_PASSWORDS, "iam:ChangePassword user/zed")),
    ("GetAccountPasswordPolicy", sample("", "iam:GetAccountPasswordPolicy *")),
    ("UpdateAccountPasswordPolicy", sample("MinimumPasswordLength=9", "iam:UpdateAccountPasswordPolicy *")),
    ("DeleteAccountPasswordPolicy", sample("", "iam:DeleteAccountPasswordPolicy *")),
    (
        "CreateServiceSpecificCredential",
        sample("UserName=bea&ServiceName=bedrock.amazonaws.com", "iam:CreateServiceSpecificCredential user/bea"),
    ),
    ("ListServiceSpecificCredentials", sample("UserName=ann", "iam:ListServiceSpecificCredentials user/ann")),
    ("ListServiceSpecificCredentials", sample("AllUsers=true", "iam:ListServiceSpecificCredentials user/*")),
    (
        "UpdateServiceSpecificCredential",
        sample(f"{_API_KEY}&Status=Inactive", "iam:UpdateServiceSpecificCredential user/ann"),
    ),
    ("ResetServiceSpecificCredential", sample(_API_KEY, "iam:ResetServiceSpecificCredential user/ann")),
    ("DeleteServiceSpecificCredential", sample(_API_KEY, "iam:DeleteServiceSpecificCredential user/ann")),
    ("SimulatePrincipalPolicy", sample(f"{_ANN}&{_ASKED}", "iam:SimulatePrincipalPolicy user/ann")),
    ("SimulateCustomPolicy", sample(f"{_GIVEN}&{_ASKED}", "iam:SimulateCustomPolicy *")),
    ("GetContextKeysForPrincipalPolicy", sample(_ANN, "iam:GetContextKeysForPrincipalPolicy user/ann")),
    ("GetContextKeysForCustomPolicy", sample(_GIVEN, "iam:GetContextKeysForCustomPolicy *")),
    ("CreateVirtualMFADevice", sample("VirtualMFADeviceName=new", "iam:CreateVirtualMFADevice mfa/new")),
    (
        "EnableMFADevice",
        sample(
            f"UserName=bea&{_MFA}tablet&AuthenticationCode1={{code1}}&AuthenticationCode2={{code2}}",
            "iam:EnableMFADevice user/bea",
        ),
    ),
    ("DeactivateMFADevice", sample(f"UserName=ann&{_MFA}phone", "iam:DeactivateMFADevice user/ann")),
    ("DeleteVirtualMFADevice", sample(f"{_MFA}tablet", "iam:DeleteVirtualMFADevice mfa/tablet")),
    ("ListMFADevices", sample("UserName=ann", "iam:ListMFADevices user/ann")),
    ("ListVirtualMFADevices", sample("", "iam:ListVirtualMFADevices mfa/*")),
    ("GetMFADevice", sample(f"{_MFA}phone&UserName=ann", "iam:GetMFADevice user/ann")),
    ("CreatePolicy", sample(f"PolicyName=new&PolicyDocument={_IAM_POLICY}", "iam:CreatePolicy policy/new")),
    ("GetPolicy", sample(_READ, "iam:GetPolicy policy/read")),
    ("DeletePolicy", sample(_SPARE, "iam:DeletePolicy policy/spare")),
    ("ListPolicies", sample("", "iam:ListPolicies policy/*")),
    ("TagPolicy", sample(f"{_READ}&{_TAG}", "iam:TagPolicy policy/read")),
    ("UntagPolicy", sample(f"{_READ}&{_UNTAG}", "iam:UntagPolicy policy/read")),
    ("ListPolicyTags", sample(_READ, "iam:ListPolicyTags policy/read")),
    ("CreatePolicyVersion", sample(f"{_READ}&PolicyDocument={_IAM_POLICY}", "iam:CreatePolicyVersion policy/read")),
    ("GetPolicyVersion", sample(f"{_READ}&VersionId=v1", "iam:GetPolicyVersion policy/read")),
    ("ListPolicyVersions", sample(_READ, "iam:ListPolicyVersions policy/read")),
    ("SetDefaultPolicyVersion", sample(f"{_READ}&VersionId=v1", "iam:SetDefaultPolicyVersion policy/read")),
    ("DeletePolicyVersion", sample(f"{_READ}&VersionId=v1", "iam:DeletePolicyVersion policy/read")),
    ("ListEntitiesForPolicy", sample(_READ, "iam:ListEntitiesForPolicy policy/read")),
    ("CreateAccountAlias", sample("AccountAlias=new", "iam:CreateAccountAlias *")),
    ("DeleteAccountAlias", sample("AccountAlias=sesame", "iam:DeleteAccountAlias *")),
    ("ListAccountAliases", sample("", "iam:ListAccountAliases *")),
    ("GetAccountAuthorizationDetails", sample("", "iam:GetAccountAuthorizationDetails *")),
    ("CreateInstanceProfile", sample(f"{_PROFILE}new", "iam:CreateInstanceProfile instance-profile/new")),
    ("GetInstanceProfile", sample(f"{_PROFILE}deck", "iam:GetInstanceProfile instance-profile/deck")),
    ("DeleteInstanceProfile", sample(f"{_PROFILE}empty", "iam:DeleteInstanceProfile instance-profile/empty")),
    ("ListInstanceProfiles", sample("", "iam:ListInstanceProfiles instance-profile/*")),
    ("ListInstanceProfilesForRole", sample("RoleName=helm", "iam:ListInstanceProfilesForRole role/helm")),
    (
        "AddRoleToInstanceProfile",
        sample(
            f"{_PROFILE}empty&RoleName=bare",
            "iam:AddRoleToInstanceProfile instance-profile/empty",
            "iam:PassRole role/bare",
        ),
    ),
    (
        "RemoveRoleFromInstanceProfile",
        sample(f"{_PROFILE}deck&RoleName=helm", "iam:RemoveRoleFromInstanceProfile instance-profile/deck"),
    ),
    ("TagInstanceProfile", sample(f"{_PROFILE}deck&{_TAG}", "iam:TagInstanceProfile instance-profile/deck")),
    ("UntagInstanceProfile", sample(f"{_PROFILE}deck&{_UNTAG}", "iam:UntagInstanceProfile instance-profile/deck")),
    ("ListInstanceProfileTags", sample(f"{_PROFILE}deck", "iam:ListInstanceProfileTags instance-profile/deck")),
    ("GenerateCredentialReport", sample("", "iam:GenerateCredentialReport *")),
    ("GetCredentialReport", sample("", "iam:GetCredentialReport *")),
    ("GetAccountSummary", sample("", "iam:GetAccountSummary *")),
    (
        "CreateOpenIDConnectProvider",
        sample("Url=https://new.example.org", "iam:CreateOpenIDConnectProvider oidc-provider/new.example.org"),
    ),
    (
        "AddClientIDToOpenIDConnectProvider",
        sample(f"{_OIDC}&ClientID=new", "iam:AddClientIDToOpenIDConnectProvider oidc-provider/oidc.example.org"),
    ),
    (
        "RemoveClientIDFromOpenIDConnectProvider",
        sample(f"{_OIDC}&ClientID=old", "iam:RemoveClientIDFromOpenIDConnectProvider oidc-provider/oidc.example.org"),
    ),
    (
        "UpdateOpenIDConnectProviderThumbprint",
        sample(
            f"{_OIDC}&ThumbprintList.member.1=0123456789012345678901234567890123456789",
            "iam:UpdateOpenIDConnectProviderThumbprint oidc-provider/oidc.example.org",
        ),
    ),
    (
        "TagOpenIDConnectProvider",
        sample(f"{_OIDC}&{_TAG}", "iam:TagOpenIDConnectProvider oidc-provider/oidc.example.org"),
    ),
    (
        "UntagOpenIDConnectProvider",
        sample(f"{_OIDC}&{_UNTAG}", "iam:UntagOpenIDConnectProvider oidc-provider/oidc.example.org"),
    ),
    (
        "ListOpenIDConnectProviderTags",
        sample(_OIDC, "iam:ListOpenIDConnectProviderTags oidc-provider/oidc.example.org"),
    ),
    ("GetOpenIDConnectProvider", sample(_OIDC, "iam:GetOpenIDConnectProvider oidc-provider/oidc.example.org")),
    ("ListOpenIDConnectProviders", sample("", "iam:ListOpenIDConnectProviders oidc-provider/*")),
    ("DeleteOpenIDConnectProvider", sample(_OIDC, "iam:DeleteOpenIDConnectProvider oidc-provider/oidc.example.org")),
]

for _kind, _with, _without in (("User", "ann", "bea"), ("Group", "crew", "none"), ("Role", "helm", "bare")):
    _at, _on, _off = _kind.lower(), f"{_kind}Name={_with}", f"{_kind}Name={_without}"
    IAM += [
        (f"Attach{_kind}Policy", sample(f"{_off}&{_SPARE}", f"iam:Attach{_kind}Policy {_at}/{_without}")),
        (f"Detach{_kind}Policy", sample(f"{_on}&{_READ}", f"iam:Detach{_kind}Policy {_at}/{_with}")),
        (f"ListAttached{_kind}Policies", sample(_on, f"iam:ListAttached{_kind}Policies {_at}/{_with}")),
        (
            f"Put{_kind}Policy",
            sample(f"{_on}&PolicyName=new&PolicyDocument={_IAM_POLICY}", f"iam:Put{_kind}Policy {_at}/{_with}"),
        ),
        (f"Get{_kind}Policy", sample(f"{_on}&PolicyName=own", f"iam:Get{_kind}Policy {_at}/{_with}")),
        (f"Delete{_kind}Policy", sample(f"{_on}&PolicyName=own", f"iam:Delete{_kind}Policy {_at}/{_with}")),
        (f"List{_kind}Policies", sample(_on, f"iam:List{_kind}Policies {_at}/{_with}")),
    ]

STS: list[tuple[str, Sample]] = [
    ("GetCallerIdentity", sample("", free=True)),
    ("GetSessionToken", sample("", free=True)),
    ("GetFederationToken", sample("Name=guest", "sts:GetFederationToken *")),
    ("GetAccessKeyInfo", sample("AccessKeyId={key}", "sts:GetAccessKeyInfo *")),
    ("DecodeAuthorizationMessage", sample("EncodedMessage={denial}", "sts:DecodeAuthorizationMessage *")),
    ("AssumeRole", sample(_ROLE, "sts:AssumeRole role/helm")),
    (
        "AssumeRoleWithWebIdentity",
        sample("RoleArn=arn:aws:iam::{account}:role/web&RoleSessionName=night&WebIdentityToken={token}", token=True),
    ),
]

_CUSTOM = "PolicyName=read&PolicyType=Custom"
_RAM_ROLE = "RoleArn=acs:ram::{number}:role/helm&RoleSessionName=night"

RAM: list[tuple[str, Sample]] = [
    ("CreateUser", sample("UserName=new", "ram:CreateUser user/new")),
    ("GetUser", sample("UserName=ann", "ram:GetUser user/ann")),
    ("UpdateUser", sample("UserName=bea&NewUserName=new", "ram:UpdateUser user/bea")),
    ("DeleteUser", sample("UserName=bea", "ram:DeleteUser user/bea")),
    ("ListUsers", sample("", "ram:ListUsers user/*")),
    ("CreateGroup", sample("GroupName=new", "ram:CreateGroup group/new")),
    ("GetGroup", sample("GroupName=crew", "ram:GetGroup group/crew")),
    ("UpdateGroup", sample("GroupName=none&NewGroupName=new", "ram:UpdateGroup group/none")),
    ("DeleteGroup", sample("GroupName=none", "ram:DeleteGroup group/none")),
    ("ListGroups", sample("", "ram:ListGroups group/*")),
    ("AddUserToGroup", sample("GroupName=none&UserName=ann", "ram:AddUserToGroup group/none")),
    ("RemoveUserFromGroup", sample("GroupName=crew&UserName=ann", "ram:RemoveUserFromGroup group/crew")),
    ("ListUsersForGroup", sample("GroupName=crew", "ram:ListUsersForGroup group/crew")),
    ("ListGroupsForUser", sample("UserName=ann", "ram:ListGroupsForUser user/ann")),
    ("CreateRole", sample(f"RoleName=new&AssumeRolePolicyDocument={_RAM_TRUST}", "ram:CreateRole role/new")),
    ("GetRole", sample("RoleName=helm", "ram:GetRole role/helm")),
    ("UpdateRole", sample("RoleName=helm&NewDescription=d", "ram:UpdateRole role/helm")),
    ("UpdateRole", sample(f"RoleName=helm&NewAssumeRolePolicyDocument={_RAM_TRUST}", "ram:UpdateRole role/helm")),
    ("DeleteRole", sample("RoleName=bare", "ram:DeleteRole role/bare")),
    ("ListRoles", sample("", "ram:ListRoles role/*")),
    (
        "CreateServiceLinkedRole",
        sample("ServiceName=sea.aliyuncs.com", "ram:CreateServiceLinkedRole role/AliyunServiceRoleForSea"),
    ),
    ("DeleteServiceLinkedRole", sample("RoleName=bare", "ram:DeleteServiceLinkedRole role/bare")),
    ("CreatePolicy", sample(f"PolicyName=new&PolicyDocument={_RAM_POLICY}", "ram:CreatePolicy policy/new")),
    ("GetPolicy", sample(_CUSTOM, "ram:GetPolicy policy/read")),
    (
        "GetPolicy",
        sample("PolicyName=AliyunOSSFullAccess&PolicyType=System", "ram:GetPolicy system:policy/AliyunOSSFullAccess"),
    ),
    ("DeletePolicy", sample("PolicyName=spare", "ram:DeletePolicy policy/spare")),
    ("ListPolicies", sample("", "ram:ListPolicies policy/*")),
    ("UpdatePolicyDescription", sample("PolicyName=read&NewDescription=d", "ram:UpdatePolicyDescription policy/read")),
    (
        "CreatePolicyVersion",
        sample(f"PolicyName=read&PolicyDocument={_RAM_POLICY}", "ram:CreatePolicyVersion policy/read"),
    ),
    ("GetPolicyVersion", sample(f"{_CUSTOM}&VersionId=v1", "ram:GetPolicyVersion policy/read")),
    ("ListPolicyVersions", sample(_CUSTOM, "ram:ListPolicyVersions policy/read")),
    ("SetDefaultPolicyVersion", sample("PolicyName=read&VersionId=v1", "ram:SetDefaultPolicyVersion policy/read")),
    ("DeletePolicyVersion", sample("PolicyName=read&VersionId=v1", "ram:DeletePolicyVersion policy/read")),
    ("ListEntitiesForPolicy", sample(_CUSTOM, "ram:ListEntitiesForPolicy policy/read")),
    ("CreateAccessKey", sample("UserName=ann", "ram:CreateAccessKey user/ann")),
    ("ListAccessKeys", sample("UserName=ann", "ram:ListAccessKeys user/ann")),
    ("UpdateAccessKey", sample("UserName=ann&UserAccessKeyId={key}&Status=Inactive", "ram:UpdateAccessKey user/ann")),
    ("DeleteAccessKey", sample("UserName=ann&UserAccessKeyId={key}", "ram:DeleteAccessKey user/ann")),
    ("GetAccessKeyLastUsed", sample("UserName=ann&UserAccessKeyId={key}", "ram:GetAccessKeyLastUsed *")),
    ("CreateLoginProfile", sample("UserName=bea&Password=Harbour-12345!", "ram:CreateLoginProfile user/bea")),
    ("GetLoginProfile", sample("UserName=ann", "ram:GetLoginProfile user/ann")),
    ("UpdateLoginProfile", sample("UserName=ann&Password=Harbour-54321!", "ram:UpdateLoginProfile user/ann")),
    ("DeleteLoginProfile", sample("UserName=ann", "ram:DeleteLoginProfile user/ann")),
    ("ChangePassword", sample(_PASSWORDS, "ram:ChangePassword user/zed")),
    ("GetPasswordPolicy", sample("", "ram:GetPasswordPolicy *")),
    ("SetPasswordPolicy", sample("MinimumPasswordLength=9", "ram:SetPasswordPolicy *")),
    ("GetSecurityPreference", sample("", "ram:GetSecurityPreference *")),
    ("SetSecurityPreference", sample("LoginSessionDuration=8", "ram:SetSecurityPreference *")),
    ("DecodeDiagnosticMessage", sample("EncodedDiagnosticMessage={denial}", "ram:DecodeDiagnosticMessage *")),
    ("CreateVirtualMFADevice", sample("VirtualMFADeviceName=new", "ram:CreateVirtualMFADevice mfa/new")),
    ("ListVirtualMFADevices", sample("", "ram:ListVirtualMFADevices mfa/*")),
    (
        "DeleteVirtualMFADevice",
        sample("SerialNumber=acs:ram::{number}:mfa/tablet", "ram:DeleteVirtualMFADevice mfa/tablet"),
    ),
    (
        "BindMFADevice",
        sample(
            "UserName=bea&SerialNumber=acs:ram::{number}:mfa/tablet&AuthenticationCode1={code1}&AuthenticationCode2={code2}",
            "ram:BindMFADevice user/bea",
        ),
    ),
    ("UnbindMFADevice", sample("UserName=ann", "ram:UnbindMFADevice user/ann")),
    ("GetUserMFAInfo", sample("UserName=ann", "ram:GetUserMFAInfo user/ann")),
    ("SetAccountAlias", sample("AccountAlias=new", "ram:SetAccountAlias *")),
    ("GetAccountAlias", sample("", "ram:GetAccountAlias *")),
    ("ClearAccountAlias", sample("", "ram:ClearAccountAlias *")),
]

for _kind, _with, _without in (("User", "ann", "bea"), ("Group", "crew", "none"), ("Role", "helm", "bare")):
    _at, _on, _off = _kind.lower(), f"{_kind}Name={_with}", f"{_kind}Name={_without}"
    RAM += [
        (
            f"AttachPolicyTo{_kind}",
            sample(f"{_off}&PolicyName=spare&PolicyType=Custom", f"ram:AttachPolicyTo{_kind} {_at}/{_without}"),
        ),
        (f"DetachPolicyFrom{_kind}", sample(f"{_on}&{_CUSTOM}", f"ram:DetachPolicyFrom{_kind} {_at}/{_with}")),
        (f"ListPoliciesFor{_kind}", sample(_on, f"ram:ListPoliciesFor{_kind} {_at}/{_with}")),
    ]
for _type, _name in (("user", "ann"), ("group", "crew"), ("role", "helm"), ("policy", "read")):
    _on, _at = f"ResourceType={_type}&ResourceNames.1={_name}", f"{_type}/{_name}"
    RAM += [
        ("TagResources", sample(f"{_on}&Tag.1.Key=a&Tag.1.Value=b", f"ram:TagResources {_at}")),
        ("UntagResources", sample(f"{_on}&TagKeys.1=team", f"ram:UntagResources {_at}")),
        ("ListTagResources", sample(_on, f"ram:ListTagResources {_at}")),
        ("ListTagResources", sample(f"ResourceType={_type}", f"ram:ListTagResources {_type}/*")),
    ]

ALIYUN_STS: list[tuple[str, Sample]] = [
    ("GetCallerIdentity", sample("", free=True)),
    ("AssumeRole", sample(_RAM_ROLE, "sts:AssumeRole role/helm")),
    (
        "AssumeRoleWithOIDC",
        sample(
            "RoleArn=acs:ram::{number}:role/web&RoleSessionName=night&OIDCProviderArn=acs:ram::{number}:oidc-provider/oidc.example.org&OIDCToken={token}",
            token=True,
        ),
    ),
]
