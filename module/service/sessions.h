/* SPDX-License-Identifier: Apache-2.0 */
/* Making temporary credentials: for a role (sts:AssumeRole), or for a service acting for somebody.
 * Finding and checking them when they are used: credentials.h. */
#ifndef HOLDFAST_SERVICE_SESSIONS_H
#define HOLDFAST_SERVICE_SESSIONS_H

#include "auth/identities.h"
#include "service/work.h"

#define SESSION_TOKEN_TEXT 129 /* characters of a session token, with the NUL */

/* Ready to be stored and told. session_made_cleanup() wipes. */
struct session_made {
	struct auth_session session;
	struct secret *secret_key; /* AUTH_SECRET_KEY_LEN characters */
	struct secret *token;      /* the session token's text */
};
void session_made_cleanup(struct session_made *made);

/*
 * Draws access key id (ASIA...), secret and token for a principal as it shall be when the
 * credentials are used (issued_ms and expires_ms set), and wraps the secret. `policy`: session
 * policy, checked before; empty without. Blocks.
 */
NODISCARD struct err session_make(struct service *service, const struct auth_principal *principal,
				  struct view policy, struct session_made *out);

/* Stores it with the call's audit record; work->committed. Blocks. */
NODISCARD struct err session_commit(struct call_work *work, const struct session_made *made);

/* Forgets sessions that ended a day ago and more: until then whoever shows their token is told that
 * they have expired. Blocks. What the store answers, logged. */
NODISCARD struct err sessions_sweep(struct service *service);

#endif
