/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the admin operations on identities take: shapes of members, and which identity a call is
 * about. The rules are those of the IAM API.
 */
#ifndef HOLDFAST_SERVICE_IDENTITY_INPUT_H
#define HOLDFAST_SERVICE_IDENTITY_INPUT_H

#include "service/operation.h"

#define IDENTITY_SESSION_SECONDS_MIN 3600 /* IAM API: roleMaxSessionDurationType */

/* Kinds that an operation takes. */
extern const struct schema_shape shape_kind;            /* all */
extern const struct schema_shape shape_kind_policies;   /* user, group, role */
extern const struct schema_shape shape_kind_boundary;   /* user, role */
extern const struct schema_shape shape_kind_tags;       /* user, role, service, policy */
extern const struct schema_shape shape_kind_access_key; /* user, account, service */

extern const struct schema_shape shape_account;
extern const struct schema_shape shape_identity_name;
extern const struct schema_shape shape_iam_policy_name;
extern const struct schema_shape shape_iam_policy_arn;
extern const struct schema_shape shape_iam_document;
extern const struct schema_shape shape_iam_description;
extern const struct schema_shape shape_iam_tags;
extern const struct schema_shape shape_iam_tag_keys;
extern const struct schema_shape shape_session_seconds_max;
extern const struct schema_shape shape_access_key_id;
extern const struct schema_shape shape_access_key_status;

/* For `decode`: Kind, Account and Name into work->in.identity. E_VALIDATION. */
NODISCARD struct err identity_input_decode(struct call_work *work);

/* The same for an operation without Kind. */
NODISCARD struct err identity_input_decode_as(struct call_work *work, enum auth_identity_kind kind);

/* Account, or the one that the operator works in: the installation's. */
struct view identity_input_account(const struct call_work *work);

/* A name of that kind in a member; E_VALIDATION with IAM's words. */
NODISCARD struct err identity_input_check_name(struct call_work *work, enum auth_identity_kind kind,
					       const char *member);

/* Tags, TagKeys: AWS's rules that no schema says. E_VALIDATION, E_IAM_LIMIT. */
NODISCARD struct err identity_input_check_tags(struct call_work *work, const char *member);

/* The key of an element of either list, and the value of a tag. */
struct view identity_input_tag_key(const struct json *element);
struct view identity_input_tag_value(const struct json *element);

#endif
