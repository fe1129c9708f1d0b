/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KMS API: ListRetirableGrants. On keys of any account, in ascending order of key ids, then of
 * grant ids.
 */
#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"
#include "service/core.h"
#include "service/grant_listing.h"
#include "service/grant_principal.h"
#include "service/grant_request.h"
#include "service/grant_shapes.h"
#include "service/permission.h"
#include "service/shapes.h"

#define KEY_ID_LEN (sizeof((struct kms_key_id *)0)->bytes)
#define PLACE_LEN (KEY_ID_LEN + 1 + KMS_GRANT_ID_LEN)

static const struct schema_member members[] = {
	{"Limit", &shape_limit, false},
	{"Marker", &shape_marker, false},
	{"RetiringPrincipal", &shape_principal_id, false},
	{"RetiringServicePrincipal", &shape_service_principal, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"RetiringPrincipal", "RetiringServicePrincipal", "Limit",
				      "Marker", NULL};

static const struct operation_condition conditions[] = {
	{AUTH_KMS_RETIRING_PRINCIPAL, "RetiringPrincipal", NULL},
	{AUTH_KMS_RETIRING_PRINCIPAL, "RetiringServicePrincipal", NULL},
	{0, NULL, NULL},
};

static struct err retiring_of(struct call_work *work, struct view *out)
{
	static const struct grant_principal_members retiring = {"RetiringPrincipal",
								"RetiringServicePrincipal", false};
	return grant_request_principal(work, &retiring, out);
}

static struct err decode(struct call_work *work)
{
	struct view retiring;
	return retiring_of(work, &retiring);
}

static struct err refuse(struct call_work *work, struct view retiring)
{
	return work_refuse(work, ERR(E_ACCESS_DENIED),
			   "User: %s is not authorized to perform: kms:ListRetirableGrants on "
			   "resource: %.*s because it is not a principal of the caller's account",
			   work->principal.arn, (int)retiring.len, (const char *)retiring.ptr);
}

/* "You must specify a principal in your Amazon Web Services account." Services belong to all. */
static struct err check_retiring(struct call_work *work, const struct auth_principal *retiring)
{
	const struct auth_principal *caller = &work->principal;
	bool service = retiring->type == AUTH_SERVICE;
	if (service ? text_equal(retiring->arn, caller->arn)
		    : text_equal(retiring->account, caller->account))
		return OK;
	return refuse(work, view_of_text(retiring->arn));
}

/* A service has no identity policies: what it may retire it may know. */
static struct err authorise(struct call_work *work)
{
	struct auth_verdict *verdict = &work->verdict;
	struct view retiring;
	if (work->principal.type != AUTH_SERVICE)
		return permission_check_key(work, 0);
	TRY(retiring_of(work, &retiring));
	verdict->allowed = view_equal_text(retiring, work->principal.arn);
	verdict->outcome = verdict->allowed ? AUTH_ALLOWED : AUTH_DENIED;
	TRY(text_copy(verdict->decided_by, sizeof verdict->decided_by,
		      verdict->allowed ? VIEW_LITERAL("service:itself")
				       : VIEW_LITERAL("default-deny: another principal")));
	return verdict->allowed ? OK : refuse(work, retiring);
}

/* --- places --- */

static struct err read_place(struct view last, struct kms_retirable_query *query,
			     struct kms_key_id *key_id)
{
	if (last.len == 0)
		return OK;
	struct reader r;
	reader_init(&r, last);
	reader_copy(&r, key_id->bytes, sizeof key_id->bytes);
	key_id->multi_region = reader_u8(&r) != 0;
	query->after = reader_bytes(&r, KMS_GRANT_ID_LEN);
	query->after_key = key_id;
	REQUIRE(!err_failed(reader_end(&r)), E_KMS_INVALID_MARKER);
	return OK;
}

static struct err write_place(const struct kms_grant *grant, uint8_t out[PLACE_LEN])
{
	struct writer w;
	writer_init(&w, out, PLACE_LEN);
	writer_bytes(&w, VIEW_ARRAY(grant->key_id.bytes));
	writer_u8(&w, grant->key_id.multi_region);
	writer_bytes(&w, view_of_text(grant->id));
	return writer_end(&w);
}

/* A principal made anew under an old name retires nothing. */
static void drop_strangers(struct kms_grant_page *page, const char *id)
{
	size_t kept = 0;
	for (size_t i = 0; i < page->count; i++) {
		if (!text_equal(page->grants[i].retiring_id, id))
			kms_grant_cleanup(&page->grants[i]);
		else
			page->grants[kept++] = page->grants[i];
	}
	page->count = kept;
}

static struct err find(struct call_work *work, const struct marker_place *place,
		       struct kms_grant_page *page)
{
	const struct kms_grants *grants = &work->service->options.grants;
	struct kms_key_id after_key = {0};
	struct kms_retirable_query query = {.region = view_of_text(work->home.region),
					    .retiring = place->about,
					    .limit = grant_listing_limit(work)};
	TRY(read_place(marker_last(place), &query, &after_key));
	return grants->ops->list_retirable(grants->self, &query, page);
}

static struct err execute(struct call_work *work)
{
	CLEANUP(kms_grant_page_cleanup) struct kms_grant_page page = {0};
	struct marker_place place;
	struct auth_principal who;
	struct view retiring;
	uint8_t last[PLACE_LEN];
	TRY(retiring_of(work, &retiring));
	TRY(grant_principal_find(work, retiring, &who));
	TRY(check_retiring(work, &who));
	TRY(listing_begin(work, retiring, &place));
	TRY(find(work, &place, &page));
	if (page.more)
		TRY(write_place(&page.grants[page.count - 1], last));
	drop_strangers(&page, grant_principal_id(&who));
	return grant_listing_end(work, &place, &page, page.more ? VIEW_ARRAY(last) : VIEW_NONE);
}

const struct operation op_list_retirable_grants = {
	.name = "ListRetirableGrants",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:ListRetirableGrants"}},
	.conditions = conditions,
	.audited = audited,
	.decode = decode,
	.authorise = authorise,
	.execute = execute,
	.encode = grant_listing_encode,
};
