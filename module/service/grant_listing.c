/* SPDX-License-Identifier: Apache-2.0 */
#include "service/grant_listing.h"

#include "base/mem.h"
#include "kms/context.h"
#include "service/grant_principal.h"
#include "service/input.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 100

size_t grant_listing_limit(const struct call_work *work)
{
	return (size_t)MIN_OF(input_integer(work, "Limit", LIMIT_DEFAULT), LIMIT_MAX);
}

/* One block: the grants, then their contexts. */
static struct err copy(const struct kms_grant_page *page, struct kms_grant **out)
{
	size_t contexts = 0;
	for (size_t i = 0; i < page->count; i++)
		contexts += page->grants[i].context.len;
	size_t size = page->count * sizeof(struct kms_grant);
	struct kms_grant *grants = NULL;
	TRY(mem_alloc_array(1, size + contexts + 1, (void **)&grants));
	struct writer w;
	writer_init(&w, (uint8_t *)grants + size, contexts + 1);
	for (size_t i = 0; i < page->count; i++) {
		struct view context = page->grants[i].context;
		grants[i] = page->grants[i];
		grants[i].context = view_of((uint8_t *)grants + size + w.len, context.len);
		writer_bytes(&w, context);
	}
	*out = grants;
	return OK;
}

NODISCARD struct err grant_listing_end(struct call_work *work, struct marker_place *place,
				       const struct kms_grant_page *page, struct view last)
{
	struct kms_grant *grants = NULL;
	TRY(copy(page, &grants));
	return listing_end(
		work, place,
		&(struct listing_page){
			.items = grants, .count = page->count, .more = page->more, .last = last});
}

void grant_listing_write_operations(uint32_t operations, struct json_out *out)
{
	enum kms_grant_operation operation;
	json_out_begin_array(out, "Operations");
	for (size_t i = 0; (operation = kms_grant_operation_at(i)) != KMS_GRANT_NONE; i++)
		if (operations & operation)
			json_out_text(out, NULL, view_of_text(kms_grant_operation_name(operation)));
	json_out_end_array(out);
}

void grant_listing_write_constraint(const struct kms_grant *grant, struct json_out *out)
{
	struct kms_context_pair pairs[KMS_GRANT_PAIRS_MAX];
	size_t count = 0;
	if (grant->constraint == KMS_GRANT_UNCONSTRAINED)
		return;
	if (err_failed(kms_context_decode(grant->context, pairs, KMS_GRANT_PAIRS_MAX, &count)))
		writer_fail(out->w, ERR(E_BUG)); /* the port hands out sound grants */
	json_out_begin_object(out, grant->constraint == KMS_GRANT_CONTEXT_SUBSET
					   ? "EncryptionContextSubset"
					   : "EncryptionContextEquals");
	for (size_t i = 0; i < count; i++)
		json_out_named_text(out, pairs[i].key, pairs[i].value);
	json_out_end_object(out);
}

static void encode_constraint(const struct kms_grant *grant, struct json_out *out)
{
	if (grant->constraint == KMS_GRANT_UNCONSTRAINED)
		return;
	json_out_begin_object(out, "Constraints");
	grant_listing_write_constraint(grant, out);
	json_out_end_object(out);
}

/* A service is told under both names that the model has for it: older clients know the first. */
static void encode_principal(const char *name, const char *member, const char *service_member,
			     struct json_out *out)
{
	if (name[0] == '\0')
		return;
	json_out_text(out, member, view_of_text(name));
	if (grant_principal_is_service(name))
		json_out_text(out, service_member, view_of_text(name));
}

static void encode_grant(const struct kms_grant *grant, struct json_out *out)
{
	char arn[KMS_KEY_ARN_TEXT];
	kms_key_arn_format(&grant->scope, &grant->key_id, arn);
	json_out_begin_object(out, NULL);
	json_out_text(out, "KeyId", view_of_text(arn));
	json_out_text(out, "GrantId", view_of_text(grant->id));
	if (grant->name[0] != '\0')
		json_out_text(out, "Name", view_of_text(grant->name));
	json_out_time(out, "CreationDate", grant->created_ms);
	encode_principal(grant->grantee, "GranteePrincipal", "GranteeServicePrincipal", out);
	encode_principal(grant->retiring, "RetiringPrincipal", "RetiringServicePrincipal", out);
	json_out_text(out, "IssuingAccount", view_of_text(grant->issuer));
	grant_listing_write_operations(grant->operations, out);
	encode_constraint(grant, out);
	json_out_end_object(out);
}

void grant_listing_encode(struct call_work *work, struct json_out *out)
{
	const struct kms_grant *grants = work->out.list.items;
	json_out_begin_array(out, "Grants");
	for (size_t i = 0; i < work->out.list.count; i++)
		encode_grant(&grants[i], out);
	json_out_end_array(out);
	listing_encode(work, out);
}
