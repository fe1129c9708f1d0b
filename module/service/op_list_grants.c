/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: ListGrants. In ascending order of grant ids. */
#include "base/mem.h"
#include "service/core.h"
#include "service/grant_listing.h"
#include "service/grant_request.h"
#include "service/grant_shapes.h"
#include "service/input.h"
#include "service/keyring.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"Limit", &shape_limit, false},
	{"Marker", &shape_marker, false},
	{"KeyId", &shape_key_id, true},
	{"GrantId", &shape_grant_id, false},
	{"GranteePrincipal", &shape_principal_id, false},
	{"GranteeServicePrincipal", &shape_service_principal, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {
	"KeyId", "GrantId", "GranteePrincipal", "GranteeServicePrincipal", "Limit", "Marker", NULL};

static const struct grant_principal_members filter = {"GranteePrincipal", "GranteeServicePrincipal",
						      true};

static struct err decode(struct call_work *work)
{
	struct view grantee, id = input_text(work, "GrantId");
	TRY(grant_request_principal(work, &filter, &grantee));
	if (input_member(work, "GrantId") != NULL && !kms_grant_id_is(id))
		return work_refuse(work, ERR(E_KMS_GRANT_ID), "Invalid grant ID %.*s", (int)id.len,
				   (const char *)id.ptr);
	return OK;
}

/* The one grant with the id that the request names, if it is there and to that grantee. */
static struct err find_one(struct call_work *work, struct view grantee, struct kms_grant_page *out)
{
	const struct kms_grants *grants = &work->service->options.grants;
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	CLEANUP(kms_grant_page_cleanup) struct kms_grant_page page = {0};
	TRY(MEM_NEW(&page.grants));
	struct err e = grants->ops->load(grants->self, &key->scope, &key->id,
					 input_text(work, "GrantId"), page.grants);
	page.count = !err_failed(e);
	if (err_is(e, E_NOT_FOUND) ||
	    (page.count > 0 && grantee.len > 0 && !view_equal_text(grantee, page.grants->grantee)))
		return OK; /* none: *out is empty */
	TRY(e);
	*out = page;
	page = (struct kms_grant_page){0};
	return OK;
}

static struct err find_page(struct call_work *work, const struct marker_place *place,
			    struct view grantee, struct kms_grant_page *out)
{
	const struct kms_grants *grants = &work->service->options.grants;
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	const struct kms_grant_query query = {.scope = &key->scope,
					      .key_id = &key->id,
					      .grantee = grantee,
					      .after = marker_last(place),
					      .limit = grant_listing_limit(work)};
	return grants->ops->list(grants->self, &query, out);
}

static struct err execute(struct call_work *work)
{
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	CLEANUP(kms_grant_page_cleanup) struct kms_grant_page page = {0};
	struct marker_place place;
	struct view grantee;
	TRY(listing_begin(work, VIEW_ARRAY(key->id.bytes), &place));
	TRY(grant_request_principal(work, &filter, &grantee));
	TRY(input_member(work, "GrantId") != NULL ? find_one(work, grantee, &page)
						  : find_page(work, &place, grantee, &page));
	struct view last = page.more ? view_of_text(page.grants[page.count - 1].id) : VIEW_NONE;
	return grant_listing_end(work, &place, &page, last);
}

const struct operation op_list_grants = {
	.name = "ListGrants",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN | OPERATION_CROSS_ACCOUNT,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:ListGrants", .member = "KeyId"}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.encode = grant_listing_encode,
};
