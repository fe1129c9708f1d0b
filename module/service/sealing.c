/* SPDX-License-Identifier: Apache-2.0 */
#include "service/sealing.h"

#include "base/mem.h"
#include "service/budget.h"
#include "service/core.h"
#include "service/key_metadata.h"
#include "service/keyring.h"
#include "service/permission.h"
#include "service/refused.h"

static struct err use_version(struct call_work *work, size_t which,
			      const struct kms_version *version)
{
	if (version->material != KMS_MATERIAL_PRESENT ||
	    refused_holds(work->service->refused, &version->token_id))
		return ERR(E_KMS_KEY_UNAVAILABLE);
	work->out.version[which] = version->number;
	mem_copy(work->out.material[which], KMS_MATERIAL_ID_LEN, version->material_id,
		 sizeof version->material_id);
	return OK;
}

static struct err take_budget(struct call_work *work, size_t which,
			      const struct kms_version *version)
{
	if (version->suite != HSM_SUITE_DIRECT)
		return OK;
	const struct kms_key *key = &keyring_key(work->keys[which])->key;
	struct err e = budget_take(work->service->budget, &key->scope, version, work->may_block);
	if (!err_is(e, E_KMS_EXHAUSTED))
		return e;
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, which, arn);
	return work_refuse(work, e,
			   "%s has encrypted as many messages as its key material allows. "
			   "Rotate the key.",
			   arn);
}

NODISCARD struct err sealing_to(struct call_work *work, size_t which)
{
	const struct keyring_entry *entry = work->keys[which];
	const struct kms_version *version =
		keyring_version(entry, keyring_key(entry)->key.current_version);
	REQUIRE(version != NULL, E_KMS_KEY_UNAVAILABLE);
	TRY(use_version(work, which, version));
	TRY(take_budget(work, which, version));
	kms_ciphertext_header(version, work->headers[which]);
	work->op.to = (struct hsm_sealing){
		.key = version->token_id,
		.suite = version->suite,
		.purpose = HSM_PURPOSE_KMS,
		.header = VIEW_ARRAY(work->headers[which]),
		.context = buf_view(&work->in.contexts[which]),
	};
	return OK;
}

/* The token takes no more and no less; what it would not take was never made here. */
static bool is_possible_length(struct view sealed)
{
	return sealed.len > HSM_SEALED_OVERHEAD &&
	       sealed.len <= HSM_SEALED_OVERHEAD + HSM_PLAINTEXT_MAX;
}

static bool is_newer(const struct keyring_entry *entry, uint32_t number)
{
	const struct kms_key_full *full = keyring_key(entry);
	return full->version_count == 0 || number > full->versions[full->version_count - 1].number;
}

/* Another daemon may have rotated the key a moment ago, and encrypted this. */
static struct err find_version(struct call_work *work, size_t which, uint32_t number,
			       const struct kms_version **out)
{
	struct keyring_entry **entry = &work->keys[which];
	*out = keyring_version(*entry, number);
	if (*out != NULL || !is_newer(*entry, number))
		return OK;
	REQUIRE(work->may_block, E_WOULD_BLOCK);
	TRY(keyring_renew(work->service->keyring, entry));
	TRY(permission_check_state(work, &keyring_key(*entry)->key));
	*out = keyring_version(*entry, number);
	return OK;
}

NODISCARD struct err sealing_from(struct call_work *work, size_t which)
{
	const struct kms_ciphertext *sealed = &work->in.sealed;
	const struct kms_version *version = NULL;
	struct err e = find_version(work, which, sealed->version, &version);
	REQUIRE(!err_is(e, E_NOT_FOUND), E_KMS_CIPHERTEXT); /* the key is gone */
	TRY(e);
	REQUIRE(version != NULL && version->suite == sealed->suite, E_KMS_CIPHERTEXT);
	REQUIRE(is_possible_length(sealed->sealed), E_KMS_CIPHERTEXT);
	TRY(use_version(work, which, version));
	work->op.from = (struct hsm_sealing){
		.key = version->token_id,
		.suite = version->suite,
		.purpose = HSM_PURPOSE_KMS,
		.header = sealed->header,
		.context = buf_view(&work->in.contexts[which]),
	};
	work->op.sealed_in = sealed->sealed;
	return OK;
}

NODISCARD struct err sealing_finish(struct call_work *work, size_t which)
{
	struct buf *blob = &work->out.ciphertext;
	buf_clear(blob);
	TRY(buf_append(blob, VIEW_ARRAY(work->headers[which])));
	return buf_append(blob, buf_view(&work->op.sealed));
}

void sealing_write_key(struct call_work *work, size_t which, const char *member,
		       struct json_out *out)
{
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, which, arn);
	json_out_text(out, member, view_of_text(arn));
}

void sealing_write_material(struct call_work *work, size_t which, const char *member,
			    struct json_out *out)
{
	key_metadata_material(work->out.material[which], member, out);
}

void sealing_write_algorithm(const char *member, struct json_out *out)
{
	json_out_text(out, member, VIEW_LITERAL("SYMMETRIC_DEFAULT"));
}
