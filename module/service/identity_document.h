/* SPDX-License-Identifier: Apache-2.0 */
/* Policy documents and ARNs of policies in requests about identities: what is checked before one is
 * stored. */
#ifndef HOLDFAST_SERVICE_IDENTITY_DOCUMENT_H
#define HOLDFAST_SERVICE_IDENTITY_DOCUMENT_H

#include "service/operation.h"

/* Bytes that count against IAM's quotas: white space does not. */
size_t identity_document_size(struct view document);

/*
 * Compiles the document in `member` as what an identity of that kind has (a role's own is its trust
 * policy); absent ones are fine. E_IAM_MALFORMED_POLICY, saying what and where; E_IAM_LIMIT.
 */
NODISCARD struct err identity_document_check(struct call_work *work, const char *member,
					     enum auth_identity_kind whose);

/* Of a document that has been checked: that the principals of a trust policy exist.
 * E_IAM_MALFORMED_POLICY. Blocks. */
NODISCARD struct err identity_document_check_principals(struct call_work *work, const char *member,
							enum auth_identity_kind whose);

/* The same for an inline policy, whose quota is for all that an identity has. */
NODISCARD struct err identity_document_check_inline(struct call_work *work, const char *member);

/* That the ARN in `member` is one of a policy that identities of the account may have: one of
 * theirs, or one that is built in. E_IAM_NO_SUCH_ENTITY. Blocks. */
NODISCARD struct err identity_document_check_arn(struct call_work *work, const char *member,
						 const char *account);

#endif
