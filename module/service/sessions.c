/* SPDX-License-Identifier: Apache-2.0 */
#include "service/sessions.h"

#include "auth/session_token.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/base64.h"
#include "service/core.h"
#include "service/credentials.h"
#include "service/drawing.h"
#include "service/trail.h"

#define SECRET_KEY_BYTES 30                    /* 40 characters of Base64 */
#define KEPT_MS (INT64_C(24) * 60 * 60 * 1000) /* after their end */
#define TOKEN_BYTES 96                         /* 128 characters */

_Static_assert(BASE64_ENCODED_LEN(SECRET_KEY_BYTES) == AUTH_SECRET_KEY_LEN, "of a secret key");
_Static_assert(BASE64_ENCODED_LEN(TOKEN_BYTES) == SESSION_TOKEN_TEXT - 1, "of a session token");

void session_made_cleanup(struct session_made *made)
{
	secret_free(&made->secret_key);
	secret_free(&made->token);
	mem_wipe(&made->session, sizeof made->session);
}

static struct err wrap(struct service *service, struct session_made *made)
{
	const struct credentials_options wrapping = {
		.hsm = service->options.hsm,
		.identities = service->options.identities,
		.installation = service->options.installation,
		.token_timeout_ms = service->options.token_timeout_ms,
		.clock = service->options.clock,
	};
	struct auth_access_key key = {.principal = made->session.principal};
	TRY(credentials_wrap(&wrapping, made->secret_key, &key));
	mem_copy(made->session.wrapped, sizeof made->session.wrapped, key.wrapped, key.wrapped_len);
	made->session.wrapped_len = key.wrapped_len;
	return OK;
}

static struct err draw(struct service *service, struct session_made *made)
{
	struct hsm *hsm = service->options.hsm;
	TRY(drawing_id("ASIA", AUTH_ACCESS_KEY_ID_LEN, made->session.principal.access_key_id));
	TRY(drawing_secret(hsm, service_deadline_ms(service), SECRET_KEY_BYTES, &made->secret_key));
	TRY(drawing_secret(hsm, service_deadline_ms(service), TOKEN_BYTES, &made->token));
	return auth_token_hash(secret_view(made->token), made->session.token_hash);
}

NODISCARD struct err session_make(struct service *service, const struct auth_principal *principal,
				  struct view policy, struct session_made *out)
{
	CLEANUP(session_made_cleanup)
	struct session_made made = {.session = {.principal = *principal}};
	ENSURE(principal->issued_ms > 0 && principal->expires_ms > principal->issued_ms);
	TRY(text_copy(made.session.policy, sizeof made.session.policy, policy));
	TRY(draw(service, &made));
	TRY(wrap(service, &made));
	*out = made;
	made.secret_key = NULL;
	made.token = NULL;
	return OK;
}

NODISCARD struct err session_commit(struct call_work *work, const struct session_made *made)
{
	const struct auth_identities *identities = &work->service->options.identities;
	struct kms_outbox_record outbox;
	TRY(trail_outbox(work, &outbox));
	const struct auth_change_record record = {.event_id = outbox.event_id, .line = outbox.line};
	struct err e = identities->session_add(identities->self, &made->session, &record);
	work->committed = !err_failed(e);
	return e;
}

NODISCARD struct err sessions_sweep(struct service *service)
{
	const struct auth_identities *identities = &service->options.identities;
	int64_t now_ms = clock_real_ms(service->options.clock);
	struct err e = identities->session_sweep(identities->self, now_ms - KEPT_MS);
	if (err_failed(e))
		log_event(LOG_WARNING, "sessions.not_swept", LOG_ERR(e));
	return e;
}
