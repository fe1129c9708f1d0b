/* SPDX-License-Identifier: Apache-2.0 */
#include "service/session_reply.h"

#include "codec/timestamp.h"
#include "service/sessions.h"

void session_reply_xml(const struct call_work *work, struct xml_out *out)
{
	const struct session_made *made = work->out.session;
	const struct auth_principal *principal = &made->session.principal;
	xml_out_begin(out, "Credentials", NULL);
	xml_out_text(out, "AccessKeyId", view_of_text(principal->access_key_id));
	xml_out_text(out, "SecretAccessKey", secret_view(made->secret_key));
	xml_out_text(out, "SessionToken", secret_view(made->token));
	xml_out_time(out, "Expiration", principal->expires_ms);
	xml_out_end(out);
}

void session_reply_json(const struct call_work *work, struct json_out *out)
{
	const struct session_made *made = work->out.session;
	const struct auth_principal *principal = &made->session.principal;
	json_out_begin_object(out, "Credentials");
	json_out_text(out, "AccessKeyId", view_of_text(principal->access_key_id));
	json_out_text(out, "SecretAccessKey", secret_view(made->secret_key));
	json_out_text(out, "SessionToken", secret_view(made->token));
	json_out_time(out, "Expiration", principal->expires_ms);
	json_out_end_object(out);
}

void session_reply_audit(const struct call_work *work, struct json_out *out)
{
	const struct auth_principal *principal = &work->out.session->session.principal;
	char time[TIMESTAMP_ISO_TEXT];
	timestamp_iso(principal->expires_ms, false, time);
	json_out_begin_object(out, "credentials");
	json_out_text(out, "accessKeyId", view_of_text(principal->access_key_id));
	json_out_text(out, "expiration", view_of_text(time));
	json_out_end_object(out);
}
