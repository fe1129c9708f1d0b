/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation ListSessions: temporary credentials of an account that have not ended, in the
 * order of their access key ids. */
#include "base/text.h"
#include "service/core.h"
#include "service/identity_input.h"
#include "service/input.h"
#include "service/listing.h"
#include "service/shapes.h"

#define LIMIT_DEFAULT 100
#define PAGE_MAX AUTH_IDENTITY_PAGE_MAX

static const struct schema_member members[] = {
	{"Account", &shape_account, false},
	{"Limit", &shape_limit, false},
	{"Marker", &shape_marker, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Account", "Limit", "Marker", NULL};

/* One more than is told says whether there are more. */
static struct err execute(struct call_work *work)
{
	const struct auth_identities *identities = &work->service->options.identities;
	struct view account = identity_input_account(work);
	size_t limit = (size_t)MIN_OF(input_integer(work, "Limit", LIMIT_DEFAULT), PAGE_MAX);
	struct marker_place place;
	struct auth_session *sessions = NULL;
	size_t count = 0;
	TRY(listing_begin(work, account, &place));
	const struct auth_session_query query = {
		.account = account, .after = marker_last(&place), .limit = limit + 1};
	TRY(identities->session_list(identities->self, &query, &sessions, &count));
	bool more = count > limit;
	struct view last =
		more ? view_of_text(sessions[limit - 1].principal.access_key_id) : VIEW_NONE;
	return listing_end(work, &place,
			   &(struct listing_page){.items = sessions,
						  .count = MIN_OF(count, limit),
						  .more = more,
						  .last = last});
}

static void put_text(struct json_out *out, const char *name, const char *text)
{
	if (text[0] != '\0')
		json_out_text(out, name, view_of_text(text));
}

static void encode_session(const struct auth_session *session, struct json_out *out)
{
	const struct auth_principal *principal = &session->principal;
	json_out_begin_object(out, NULL);
	put_text(out, "AccessKeyId", principal->access_key_id);
	put_text(out, "Principal", principal->arn);
	put_text(out, "Service", principal->via_service);
	put_text(out, "SourceArn", principal->source_arn);
	put_text(out, "SourceAccount", principal->source_account);
	put_text(out, "Policy", session->policy);
	json_out_time(out, "CreateDate", principal->issued_ms);
	json_out_time(out, "Expiration", principal->expires_ms);
	json_out_end_object(out);
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct auth_session *sessions = work->out.list.items;
	json_out_begin_array(out, "Sessions");
	for (size_t i = 0; i < work->out.list.count; i++)
		if (sessions[i].principal.expires_ms > work->time_ms)
			encode_session(&sessions[i], out);
	json_out_end_array(out);
	listing_encode(work, out);
}

const struct operation admin_list_sessions = {
	.name = "ListSessions",
	.door = CALL_DOOR_ADMIN,
	.read_only = true,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "holdfast:ListSessions"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
};
