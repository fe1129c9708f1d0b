/* SPDX-License-Identifier: Apache-2.0 */
/* How new temporary credentials (work->out.session) are told: whole to the client, in locked memory
 * alone; by their id to the audit record. */
#ifndef HOLDFAST_SERVICE_SESSION_REPLY_H
#define HOLDFAST_SERVICE_SESSION_REPLY_H

#include "service/operation.h"

/* STS API: Credentials. */
void session_reply_xml(const struct call_work *work, struct xml_out *out);
void session_reply_json(const struct call_work *work, struct json_out *out);

/* credentials in responseElements: access key id and end, never secret or token. */
void session_reply_audit(const struct call_work *work, struct json_out *out);

#endif
