/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation ListIdentities: one kind, in order of names. */
#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"
#include "service/listing.h"
#include "service/shapes.h"

#define LIMIT_DEFAULT 100
#define PAGE_MAX 200 /* each is loaded with its document, of up to AUTH_DETAILS_MAX bytes */
#define ABOUT_MAX 32 /* kind and account */

static const struct schema_member members[] = {
	{"Kind", &shape_kind, true},
	{"Account", &shape_account, false},
	{"Limit", &shape_limit, false},
	{"Marker", &shape_marker, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Limit", "Marker", NULL};

static struct err decode(struct call_work *work)
{
	return auth_kind_parse(input_text(work, "Kind"), &work->in.identity.kind);
}

/* Of accounts and services: all, when none is named. */
static struct view wanted_account(const struct call_work *work)
{
	enum auth_identity_kind kind = work->in.identity.kind;
	bool everywhere = kind == AUTH_KIND_ACCOUNT || kind == AUTH_KIND_SERVICE;
	return everywhere ? input_text(work, "Account") : identity_input_account(work);
}

/* Rows without documents, in one piece of memory. */
static struct err keep(struct call_work *work, struct marker_place *place,
		       const struct auth_identity_page *page)
{
	CLEANUP(mem_free_at) struct auth_identity *rows = NULL;
	TRY(MEM_NEW_ARRAY(MAX_OF(page->count, (size_t)1), &rows));
	for (size_t i = 0; i < page->count; i++) {
		rows[i] = page->identities[i];
		rows[i].document = NULL;
	}
	bool more = page->more && page->count > 0;
	struct view last = more ? view_of_text(rows[page->count - 1].name) : VIEW_NONE;
	return listing_end(
		work, place,
		&(struct listing_page){
			.items = TAKE(rows), .count = page->count, .more = more, .last = last});
}

static struct err execute(struct call_work *work)
{
	const struct auth_identities *identities = &work->service->options.identities;
	struct view account = wanted_account(work);
	char about[ABOUT_MAX];
	struct marker_place place;
	TRY(text_format(about, sizeof about, "%s/%.*s", auth_kind_name(work->in.identity.kind),
			(int)account.len, account.len > 0 ? (const char *)account.ptr : ""));
	TRY(listing_begin(work, view_of_text(about), &place));
	int64_t limit = input_integer(work, "Limit", LIMIT_DEFAULT);
	const struct auth_identity_query query = {.kind = work->in.identity.kind,
						  .account = account,
						  .after = marker_last(&place),
						  .limit = (size_t)MIN_OF(limit, PAGE_MAX)};
	CLEANUP(auth_identity_page_cleanup) struct auth_identity_page page = {0};
	TRY(identities->list(identities->self, &query, &page));
	return keep(work, &place, &page);
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct auth_identity *rows = work->out.list.items;
	json_out_begin_array(out, "Identities");
	for (size_t i = 0; i < work->out.list.count; i++) {
		json_out_begin_object(out, NULL);
		identity_reply_summary(&rows[i], out);
		json_out_end_object(out);
	}
	json_out_end_array(out);
	listing_encode(work, out);
}

const struct operation admin_list_identities = {
	.name = "ListIdentities",
	.door = CALL_DOOR_ADMIN,
	.read_only = true,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "holdfast:ListIdentities"}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.encode = encode,
};
