"""Which core actions IAM's action names stand for.

Source: AWS Service Authorization Reference, "Actions, resources, and condition keys" for Amazon S3, AWS Identity and
Access Management, AWS Security Token Service, and Amazon Bedrock. An action that is not here is understood in a policy,
and means nothing, since Sampan has nothing that it could allow.
"""

from __future__ import annotations

from sampan.kernel.actions import Actions, product

_S3 = {
    "ListAllMyBuckets": "objects:ListBuckets",
    "CreateBucket": "objects:CreateBucket",
    "DeleteBucket": "objects:DeleteBucket",
    "ListBucket": "objects:ListObjects objects:HeadBucket",
    "ListBucketVersions": "objects:ListVersions",
    "ListBucketMultipartUploads": "objects:ListUploads",
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
    "ListMultipartUploadParts": "objects:ListParts",
    "RestoreObject": "objects:RestoreObject objects:RestoreObjectVersion",
}
# What OSS has a name for and S3 has not: part of "s3:*".
_S3_UNNAMED = "objects:GetBucketInfo objects:MeasureBucket"

_IAM = {
    "CreateUser": "identity:CreateUser",
    "GetUser": "identity:GetUser",
    "UpdateUser": "identity:UpdateUser",
    "DeleteUser": "identity:DeleteUser",
    "ListUsers": "identity:ListUsers",
    "CreateGroup": "identity:CreateGroup",
    "GetGroup": "identity:GetGroup identity:ListMembersOfGroup",
    "UpdateGroup": "identity:UpdateGroup",
    "DeleteGroup": "identity:DeleteGroup",
    "ListGroups": "identity:ListGroups",
    "AddUserToGroup": "identity:AddMember",
    "RemoveUserFromGroup": "identity:RemoveMember",
    "ListGroupsForUser": "identity:ListMembersOfUser",
    "CreateRole": "identity:CreateRole",
    "GetRole": "identity:GetRole",
    "UpdateRole": "identity:UpdateRole",
    "UpdateAssumeRolePolicy": "identity:SetTrustRole",
    "DeleteRole": "identity:DeleteRole",
    "ListRoles": "identity:ListRoles",
    "TagUser": "identity:TagUser",
    "TagRole": "identity:TagRole",
    "PutUserPermissionsBoundary": "identity:SetBoundaryUser",
    "DeleteUserPermissionsBoundary": "identity:RemoveBoundaryUser",
    "PutRolePermissionsBoundary": "identity:SetBoundaryRole",
    "DeleteRolePermissionsBoundary": "identity:RemoveBoundaryRole",
    "CreateAccessKey": "identity:CreateAccessKey",
    "ListAccessKeys": "identity:ListAccessKeys",
    "UpdateAccessKey": "identity:SetAccessKey",
    "DeleteAccessKey": "identity:DeleteAccessKey",
    "GetAccessKeyLastUsed": "identity:GetAccessKeyUse",
    "CreateServiceSpecificCredential": "identity:CreateApiKey",
    "ListServiceSpecificCredentials": "identity:ListApiKeys",
    "UpdateServiceSpecificCredential": "identity:UpdateApiKey",
    "ResetServiceSpecificCredential": "identity:ResetApiKey",
    "DeleteServiceSpecificCredential": "identity:DeleteApiKey",
    "CreateLoginProfile": "identity:CreateLoginProfile",
    "GetLoginProfile": "identity:GetLoginProfile",
    "UpdateLoginProfile": "identity:UpdateLoginProfile",
    "DeleteLoginProfile": "identity:DeleteLoginProfile",
    "ChangePassword": "identity:ChangePassword",
    "GetAccountPasswordPolicy": "identity:GetPasswordPolicy",
    "UpdateAccountPasswordPolicy": "identity:SetPasswordPolicy",
    "DeleteAccountPasswordPolicy": "identity:DeletePasswordPolicy",
    "CreateVirtualMFADevice": "identity:CreateMfaDevice",
    "EnableMFADevice": "identity:BindMfaDevice",
    "DeactivateMFADevice": "identity:UnbindMfaDevice",
    "DeleteVirtualMFADevice": "identity:DeleteMfaDevice",
    "ListMFADevices": "identity:ListMfaDevices",
    "CreatePolicy": "identity:CreatePolicy",
    "GetPolicy": "identity:GetPolicy",
    "DeletePolicy": "identity:DeletePolicy",
    "ListPolicies": "identity:ListPolicies",
    "TagPolicy": "identity:TagPolicy",
    "CreatePolicyVersion": "identity:CreatePolicyVersion",
    "GetPolicyVersion": "identity:GetPolicyVersion",
    "ListPolicyVersions": "identity:ListPolicyVersions",
    "SetDefaultPolicyVersion": "identity:SetDefaultPolicyVersion",
    "DeletePolicyVersion": "identity:DeletePolicyVersion",
    "ListEntitiesForPolicy": "identity:ListAttachments",
    "AttachUserPolicy": "identity:AttachPolicyToUser",
    "DetachUserPolicy": "identity:DetachPolicyFromUser",
    "ListAttachedUserPolicies": "identity:ListPoliciesOfUser",
    "AttachGroupPolicy": "identity:AttachPolicyToGroup",
    "DetachGroupPolicy": "identity:DetachPolicyFromGroup",
    "ListAttachedGroupPolicies": "identity:ListPoliciesOfGroup",
    "AttachRolePolicy": "identity:AttachPolicyToRole",
    "DetachRolePolicy": "identity:DetachPolicyFromRole",
    "ListAttachedRolePolicies": "identity:ListPoliciesOfRole",
    "PutUserPolicy": "identity:PutPolicyOfUser",
    "GetUserPolicy": "identity:GetPolicyOfUser",
    "DeleteUserPolicy": "identity:DeletePolicyOfUser",
    "ListUserPolicies": "identity:ListInlinePoliciesOfUser",
    "PutGroupPolicy": "identity:PutPolicyOfGroup",
    "GetGroupPolicy": "identity:GetPolicyOfGroup",
    "DeleteGroupPolicy": "identity:DeletePolicyOfGroup",
    "ListGroupPolicies": "identity:ListInlinePoliciesOfGroup",
    "PutRolePolicy": "identity:PutPolicyOfRole",
    "GetRolePolicy": "identity:GetPolicyOfRole",
    "DeleteRolePolicy": "identity:DeletePolicyOfRole",
    "ListRolePolicies": "identity:ListInlinePoliciesOfRole",
    "SimulatePrincipalPolicy": "identity:SimulatePolicies",
    "SimulateCustomPolicy": "identity:SimulateCustomPolicies",
    "GetContextKeysForPrincipalPolicy": "identity:GetContextKeys",
    "GetContextKeysForCustomPolicy": "identity:GetCustomContextKeys",
    "CreateAccountAlias": "identity:SetAlias",
    "DeleteAccountAlias": "identity:RemoveAlias",
    "ListAccountAliases": "identity:GetAlias",
    "GetAccountAuthorizationDetails": "identity:GetDetails",
    "GetAccountSummary": "identity:GetSummary",
    "CreateOpenIDConnectProvider": "identity:CreateProvider",
    "UpdateOpenIDConnectProviderThumbprint": "identity:UpdateProvider",
    "GetOpenIDConnectProvider": "identity:GetProvider",
    "ListOpenIDConnectProviders": "identity:ListProviders",
    "DeleteOpenIDConnectProvider": "identity:DeleteProvider",
}
_IAM_ALSO = {
    "UntagUser": "identity:TagUser",
    "UntagRole": "identity:TagRole",
    "UntagPolicy": "identity:TagPolicy",
    "ListUserTags": "identity:GetUser",
    "ListRoleTags": "identity:GetRole",
    "ListPolicyTags": "identity:GetPolicy",
    "UpdateRoleDescription": "identity:UpdateRole",
    "CreateServiceLinkedRole": "identity:CreateRole",
    "DeleteServiceLinkedRole": "identity:DeleteRole",
    "ListVirtualMFADevices": "identity:ListMfaDevices",
    "GetMFADevice": "identity:ListMfaDevices",
    "AddClientIDToOpenIDConnectProvider": "identity:UpdateProvider",
    "RemoveClientIDFromOpenIDConnectProvider": "identity:UpdateProvider",
}
# What RAM has a name for and IAM has not, and what is the operator's in either cloud: part of "iam:*".
_IAM_UNNAMED = """
identity:TagGroup identity:DescribePolicy identity:GetPreferences identity:SetPreferences
identity:CreateAccount identity:CreateKey identity:ListAccounts
"""

_STS = {
    "AssumeRole": "identity:AssumeRole",
    "AssumeRoleWithWebIdentity": "identity:AssumeRoleWithToken",
    "GetSessionToken": "identity:GetSessionToken",
    "GetFederationToken": "identity:GetFederationToken",
    "GetCallerIdentity": "identity:GetCallerIdentity",
    "GetAccessKeyInfo": "identity:GetKeyAccount",
    "DecodeAuthorizationMessage": "identity:DecodeDenial",
}

_BEDROCK = {
    "InvokeModel": "inference:Generate inference:Embed inference:Rank",
    "InvokeModelWithResponseStream": "inference:GenerateStream",
    "CountTokens": "inference:Tokenize",
    "ListFoundationModels": "inference:ListModels",
    "GetFoundationModel": "inference:GetModel",
    "CreateModelImportJob": "inference:Deploy",
    "DeleteImportedModel": "inference:Undeploy",
    "CreateModelInvocationJob": "inference:CreateBatch",
    "GetModelInvocationJob": "inference:GetBatch",
    "ListModelInvocationJobs": "inference:ListBatches",
    "StopModelInvocationJob": "inference:CancelBatch",
    "PutModelInvocationLoggingConfiguration": "inference:SetLogging",
}
_BEDROCK_ALSO = {"Rerank": "inference:Rank", "GetFoundationModelAvailability": "inference:GetModel"}
# Bedrock keeps its files in S3, and no conversations; the rest is for whoever runs this Sampan.
_BEDROCK_UNNAMED = """
inference:PutFile inference:GetFile inference:ReadFile inference:ListFiles inference:DeleteFile
inference:GetTurn inference:DeleteTurn inference:GetTask inference:ListTasks inference:CancelTask
inference:LoadModel inference:SetAlias inference:SetQuota inference:ListQuotas inference:SetPrice inference:ListPrices
inference:ListLogged inference:ListUsage
"""

ACTIONS = Actions(
    "aws",
    {
        "s3": product(_S3, unnamed=_S3_UNNAMED),
        "iam": product(_IAM, _IAM_ALSO, _IAM_UNNAMED),
        "sts": product(_STS),
        "bedrock": product(_BEDROCK, _BEDROCK_ALSO, _BEDROCK_UNNAMED),
    },
)
