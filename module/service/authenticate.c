/* SPDX-License-Identifier: Apache-2.0 */
#include "service/authenticate.h"

#include "auth/sigv4.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/credentials.h"
#include "service/key_uses.h"

/* Peer credentials instead of a signature; which users may connect is the door's business. */
static struct err authenticate_operator(struct call_work *work)
{
	const struct kms_scope *home = &work->service->options.installation.scope;
	struct auth_principal *principal = &work->principal;
	*principal = (struct auth_principal){.type = AUTH_OPERATOR};
	TRY(text_copy(principal->account, sizeof principal->account, view_of_text(home->account)));
	TRY(text_format(principal->arn, sizeof principal->arn, "holdfast:uid:%u",
			work->call->peer_uid));
	TRY(text_format(principal->id, sizeof principal->id, "uid:%u", work->call->peer_uid));
	return text_format(principal->name, sizeof principal->name, "uid %u, pid %d",
			   work->call->peer_uid, work->call->peer_pid);
}

/* "AWS Signature Version 4": the scope names the service that is called. */
static struct view service_of(const struct call *call)
{
	static const char *const services[] = {
		[CALL_PROTOCOL_JSON] = "kms",
		[CALL_PROTOCOL_QUERY] = "sts",
		[CALL_PROTOCOL_CLOUDTRAIL] = "cloudtrail",
	};
	return view_of_text(services[call->protocol]);
}

static struct err find(struct call_work *work, const struct sigv4_parsed *parsed,
		       struct credentials_found *out)
{
	const struct credentials_query query = {.access_key_id = parsed->access_key_id,
						.date = parsed->date,
						.service = service_of(work->call),
						.session_token = parsed->session_token,
						.may_block = work->may_block};
	return credentials_find(work->service->credentials, &query, out);
}

/*
 * Clock, scope and header set come before the secret is looked for, so that a date or region that
 * cannot be valid costs no derivation.
 */
static struct err verify(struct call_work *work, struct sigv4_reason *reason)
{
	const struct sigv4_request *http = &work->call->http;
	const struct kms_scope *home = &work->service->options.installation.scope;
	const struct sigv4_rules rules = {.region = view_of_text(home->region),
					  .service = service_of(work->call),
					  .now_ms = work->time_ms};
	struct sigv4_parsed parsed;
	TRY(sigv4_parse(http, &parsed, reason));
	TRY(sigv4_check(http, &parsed, &rules, reason));
	CLEANUP(credentials_found_cleanup) struct credentials_found found = {.secret = NULL};
	TRY(find(work, &parsed, &found));
	TRY(sigv4_verify(http, &parsed, &rules, found.secret, reason));
	work->principal = found.principal;
	mem_free(work->session_policy);
	work->session_policy = TAKE(found.session_policy);
	return OK;
}

/* IAM API: AccessKeyLastUsed; temporary credentials have none. */
static void note_use(const struct call_work *work)
{
	struct auth_key_use use = {.time_ms = work->time_ms};
	if (work->principal.expires_ms != 0 ||
	    err_failed(text_copy(use.access_key_id, sizeof use.access_key_id,
				 view_of_text(work->principal.access_key_id))) ||
	    err_failed(text_copy(use.service, sizeof use.service, service_of(work->call))))
		return;
	key_uses_note(work->service->key_uses, &use);
}

static struct err authenticate_signature(struct call_work *work)
{
	struct sigv4_reason reason = {.text = ""};
	struct err e = verify(work, &reason);
	if (!err_failed(e))
		note_use(work);
	if (err_category(e) == ERR_CALLER) /* no canonical form: a broken escape, too many parts */
		return work_refuse(work, ERR_DETAIL(E_AUTH_INCOMPLETE, e.code), "%s",
				   reason.text[0] != '\0' ? reason.text
							  : "The request has no canonical form.");
	if (err_category(e) == ERR_DENIED && reason.text[0] != '\0')
		return work_refuse(work, e, "%s", reason.text);
	return e;
}

NODISCARD struct err authenticate(struct call_work *work)
{
	TRY(work->call->door == CALL_DOOR_ADMIN ? authenticate_operator(work)
						: authenticate_signature(work));
	work->home = work->service->options.installation.scope;
	TRY(text_copy(work->home.account, sizeof work->home.account,
		      view_of_text(work->principal.account)));
	work->authenticated = true;
	return OK;
}
