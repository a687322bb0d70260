"""Which core actions RAM's action names stand for.

Source: Alibaba Cloud OSS, "RAM policies" (the table of actions); RAM and STS, "RAM authorization" (2015-05-01,
2015-04-01). An action that is not here is understood in a policy, and means nothing, since Sampan has nothing that it
could allow.
"""

from __future__ import annotations

from sampan.kernel.actions import Actions, product

_OSS = {
    "ListBuckets": "objects:ListBuckets",
    "PutBucket": "objects:CreateBucket",
    "DeleteBucket": "objects:DeleteBucket",
    # There is no HEAD of a bucket in OSS: who may list one may ask through S3 whether it is there.
    "ListObjects": "objects:ListObjects objects:HeadBucket",
    "ListObjectVersions": "objects:ListVersions",
    "ListMultipartUploads": "objects:ListUploads",
    "GetBucketInfo": "objects:GetBucketInfo",
    "GetBucketStat": "objects:MeasureBucket",
    "GetBucketLocation": "objects:GetBucketLocation",
    "GetBucketVersioning": "objects:GetBucketVersioning",
    "PutBucketVersioning": "objects:PutBucketVersioning",
    "GetBucketAcl": "objects:GetBucketAcl",
    "PutBucketAcl": "objects:PutBucketAcl",
    "GetBucketTagging": "objects:GetBucketTags",
    "PutBucketTagging": "objects:PutBucketTags",
    "GetBucketPolicy": "objects:GetBucketPolicy",
    "PutBucketPolicy": "objects:PutBucketPolicy",
    "DeleteBucketPolicy": "objects:DeleteBucketPolicy",
    "GetBucketPolicyStatus": "objects:GetBucketPolicyStatus",
    "GetBucketPublicAccessBlock": "objects:GetBucketBlock",
    "PutBucketPublicAccessBlock": "objects:PutBucketBlock",
    "GetObject": "objects:GetObject",
    "GetObjectVersion": "objects:GetObjectVersion",
    "PutObject": "objects:PutObject",
    "DeleteObject": "objects:DeleteObject",
    "DeleteObjectVersion": "objects:DeleteObjectVersion",
    "GetObjectAcl": "objects:GetObjectAcl",
    "GetObjectVersionAcl": "objects:GetObjectAclVersion",
    "PutObjectAcl": "objects:PutObjectAcl",
    "PutObjectVersionAcl": "objects:PutObjectAclVersion",
    "GetObjectTagging": "objects:GetObjectTags",
    "GetObjectVersionTagging": "objects:GetObjectTagsVersion",
    "PutObjectTagging": "objects:PutObjectTags",
    "PutObjectVersionTagging": "objects:PutObjectTagsVersion",
    "DeleteObjectTagging": "objects:DeleteObjectTags",
    "DeleteObjectVersionTagging": "objects:DeleteObjectTagsVersion",
    "AbortMultipartUpload": "objects:AbortUpload",
    "ListParts": "objects:ListParts",
    "RestoreObject": "objects:RestoreObject",
    "RestoreObjectVersion": "objects:RestoreObjectVersion",
}
# Of S3 alone: part of "oss:*".
_OSS_UNNAMED = "objects:GetBucketOwnership objects:PutBucketOwnership"
_OSS_ALSO = {
    "DeleteBucketPublicAccessBlock": "objects:PutBucketBlock",
    "DeleteBucketTagging": "objects:PutBucketTags",
    "GetService": "objects:ListBuckets",
    "GetBucket": "objects:ListObjects objects:HeadBucket",
}

_RAM = {
    "CreateUser": "identity:CreateUser",
    "GetUser": "identity:GetUser",
    "UpdateUser": "identity:UpdateUser",
    "DeleteUser": "identity:DeleteUser",
    "ListUsers": "identity:ListUsers",
    "CreateGroup": "identity:CreateGroup",
    "GetGroup": "identity:GetGroup",
    "UpdateGroup": "identity:UpdateGroup",
    "DeleteGroup": "identity:DeleteGroup",
    "ListGroups": "identity:ListGroups",
    "AddUserToGroup": "identity:AddMember",
    "RemoveUserFromGroup": "identity:RemoveMember",
    "ListGroupsForUser": "identity:ListMembersOfUser",
    "ListUsersForGroup": "identity:ListMembersOfGroup",
    "CreateRole": "identity:CreateRole",
    "GetRole": "identity:GetRole",
    "UpdateRole": "identity:UpdateRole identity:SetTrustRole",
    "DeleteRole": "identity:DeleteRole",
    "ListRoles": "identity:ListRoles",
    # One action tags whatever the resource is.
    "TagResources": "identity:TagUser identity:TagGroup identity:TagRole identity:TagPolicy",
    "PassRole": "identity:PassRole",
    "CreateAccessKey": "identity:CreateAccessKey",
    "ListAccessKeys": "identity:ListAccessKeys",
    "UpdateAccessKey": "identity:SetAccessKey",
    "DeleteAccessKey": "identity:DeleteAccessKey",
    "GetAccessKeyLastUsed": "identity:GetAccessKeyUse",
    "CreateLoginProfile": "identity:CreateLoginProfile",
    "GetLoginProfile": "identity:GetLoginProfile",
    "UpdateLoginProfile": "identity:UpdateLoginProfile",
    "DeleteLoginProfile": "identity:DeleteLoginProfile",
    "ChangePassword": "identity:ChangePassword",
    "GetPasswordPolicy": "identity:GetPasswordPolicy",
    "SetPasswordPolicy": "identity:SetPasswordPolicy",
    "GetSecurityPreference": "identity:GetPreferences",
    "SetSecurityPreference": "identity:SetPreferences",
    "CreateVirtualMFADevice": "identity:CreateMfaDevice",
    "BindMFADevice": "identity:BindMfaDevice",
    "UnbindMFADevice": "identity:UnbindMfaDevice",
    "DeleteVirtualMFADevice": "identity:DeleteMfaDevice",
    "ListVirtualMFADevices": "identity:ListMfaDevices",
    "CreatePolicy": "identity:CreatePolicy",
    "GetPolicy": "identity:GetPolicy",
    "DeletePolicy": "identity:DeletePolicy",
    "ListPolicies": "identity:ListPolicies",
    "UpdatePolicyDescription": "identity:DescribePolicy",
    "CreatePolicyVersion": "identity:CreatePolicyVersion",
    "GetPolicyVersion": "identity:GetPolicyVersion",
    "ListPolicyVersions": "identity:ListPolicyVersions",
    "SetDefaultPolicyVersion": "identity:SetDefaultPolicyVersion",
    "DeletePolicyVersion": "identity:DeletePolicyVersion",
    "ListEntitiesForPolicy": "identity:ListAttachments",
    "AttachPolicyToUser": "identity:AttachPolicyToUser",
    "DetachPolicyFromUser": "identity:DetachPolicyFromUser",
    "ListPoliciesForUser": "identity:ListPoliciesOfUser",
    "AttachPolicyToGroup": "identity:AttachPolicyToGroup",
    "DetachPolicyFromGroup": "identity:DetachPolicyFromGroup",
    "ListPoliciesForGroup": "identity:ListPoliciesOfGroup",
    "AttachPolicyToRole": "identity:AttachPolicyToRole",
    "DetachPolicyFromRole": "identity:DetachPolicyFromRole",
    "ListPoliciesForRole": "identity:ListPoliciesOfRole",
    "SetAccountAlias": "identity:SetAlias",
    "ClearAccountAlias": "identity:RemoveAlias",
    "GetAccountAlias": "identity:GetAlias",
    "GetAccountSummary": "identity:GetSummary",
    "CreateOIDCProvider": "identity:CreateProvider",
    "UpdateOIDCProvider": "identity:UpdateProvider",
    "GetOIDCProvider": "identity:GetProvider",
    "ListOIDCProviders": "identity:ListProviders",
    "DeleteOIDCProvider": "identity:DeleteProvider",
}
_RAM_ALSO = {
    "DecodeDiagnosticMessage": "identity:DecodeDenial",
    "UntagResources": "identity:TagUser identity:TagGroup identity:TagRole identity:TagPolicy",
    "ListTagResources": """
        identity:GetUser identity:GetGroup identity:GetRole identity:GetPolicy
        identity:ListUsers identity:ListGroups identity:ListRoles identity:ListPolicies
    """,
    "GetUserMFAInfo": "identity:ListMfaDevices",
    "CreateServiceLinkedRole": "identity:CreateRole",
    "DeleteServiceLinkedRole": "identity:DeleteRole",
    "AddClientIdToOIDCProvider": "identity:UpdateProvider",
    "RemoveClientIdFromOIDCProvider": "identity:UpdateProvider",
    "AddFingerprintToOIDCProvider": "identity:UpdateProvider",
    "RemoveFingerprintFromOIDCProvider": "identity:UpdateProvider",
}
# What IAM has a name for and RAM has not, and what is the operator's in either cloud: part of "ram:*".
_RAM_UNNAMED = """
identity:SetBoundaryUser identity:RemoveBoundaryUser identity:SetBoundaryRole identity:RemoveBoundaryRole
identity:PutPolicyOfUser identity:GetPolicyOfUser identity:DeletePolicyOfUser identity:ListInlinePoliciesOfUser
identity:PutPolicyOfGroup identity:GetPolicyOfGroup identity:DeletePolicyOfGroup identity:ListInlinePoliciesOfGroup
identity:PutPolicyOfRole identity:GetPolicyOfRole identity:DeletePolicyOfRole identity:ListInlinePoliciesOfRole
identity:CreateApiKey identity:ListApiKeys identity:UpdateApiKey identity:ResetApiKey identity:DeleteApiKey
identity:SimulatePolicies identity:SimulateCustomPolicies identity:GetContextKeys identity:GetCustomContextKeys
identity:CreateInstanceProfile identity:GetInstanceProfile identity:DeleteInstanceProfile
identity:ListInstanceProfiles identity:ListInstanceProfilesOfRole identity:AddInstanceRole
identity:RemoveInstanceRole identity:TagInstanceProfile identity:TagProvider
identity:DeletePasswordPolicy identity:GetDetails identity:ReportCredentials
identity:CreateAccount identity:CreateKey identity:ListAccounts
"""

_STS = {
    "AssumeRole": "identity:AssumeRole",
    "AssumeRoleWithOIDC": "identity:AssumeRoleWithToken",
    "GetCallerIdentity": "identity:GetCallerIdentity",
}

# Model Studio's RAM code is sfm. It names actions for its management alone, since a key's workspace says which models
# may be called: the names for calls are Sampan's own.
_SFM = {
    "InvokeModel": "inference:Generate inference:GenerateStream inference:Embed inference:Rank",
    "CountTokens": "inference:Tokenize",
    "ListModels": "inference:ListModels",
    "GetModel": "inference:GetModel",
    "CreateDeployment": "inference:Deploy",
    "DeleteDeployment": "inference:Undeploy",
    "LoadDeployment": "inference:LoadModel",
    "SetModelAlias": "inference:SetAlias",
    "UploadFile": "inference:PutFile",
    "GetFile": "inference:GetFile",
    "DownloadFile": "inference:ReadFile",
    "ListFiles": "inference:ListFiles",
    "DeleteFile": "inference:DeleteFile",
    "GetResponse": "inference:GetTurn",
    "DeleteResponse": "inference:DeleteTurn",
    "CreateBatch": "inference:CreateBatch",
    "GetBatch": "inference:GetBatch",
    "ListBatches": "inference:ListBatches",
    "CancelBatch": "inference:CancelBatch",
    "GetTask": "inference:GetTask",
    "ListTasks": "inference:ListTasks",
    "CancelTask": "inference:CancelTask",
    "SetQuota": "inference:SetQuota",
    "ListQuotas": "inference:ListQuotas",
    "SetPrice": "inference:SetPrice",
    "ListPrices": "inference:ListPrices",
    "SetLogging": "inference:SetLogging",
    "ListLogs": "inference:ListLogged",
    "ListUsage": "inference:ListUsage",
}

ACTIONS = Actions(
    "aliyun",
    {
        "oss": product(_OSS, _OSS_ALSO, _OSS_UNNAMED),
        "ram": product(_RAM, _RAM_ALSO, _RAM_UNNAMED),
        "sts": product(
            _STS,
            unnamed="identity:GetSessionToken identity:GetFederationToken identity:DecodeDenial identity:GetKeyAccount",
        ),
        "sfm": product(_SFM),
    },
)
