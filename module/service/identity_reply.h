/* SPDX-License-Identifier: Apache-2.0 */
/* Identities and access keys as replies and audit records have them. What does not apply is left
 * out. */
#ifndef HOLDFAST_SERVICE_IDENTITY_REPLY_H
#define HOLDFAST_SERVICE_IDENTITY_REPLY_H

#include "codec/json.h"
#include "service/identity_told.h"

/* {Kind, Account, Name, Arn, Id, CreateDate}: members of an object that is open. */
void identity_reply_summary(const struct auth_identity *identity, struct json_out *out);

/* For `encode`: Identity, from work->out.identity. */
void identity_reply_encode(struct call_work *work, struct json_out *out);

/* For `audit`: which identity it was. */
void identity_reply_audit(struct call_work *work, struct json_out *out);

const char *identity_reply_status(enum auth_access_key_status status); /* "Active" */

/* AccessKeys, a list. */
void identity_reply_keys(const struct identity_told *told, struct json_out *out);

#endif
