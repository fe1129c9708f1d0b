/* SPDX-License-Identifier: Apache-2.0 */
#include "service/dry_run.h"

#include "service/input.h"

static bool ignores_ciphertext(const struct call_work *work)
{
	const struct json *modifiers = input_member(work, "DryRunModifiers");
	return work->in.dry_run && json_count(modifiers) > 0; /* there is only one modifier */
}

static struct err require(struct call_work *work, const char *member)
{
	if (input_member(work, member) != NULL)
		return OK;
	CLEANUP(buf_cleanup) struct buf name;
	buf_init(&name, 64);
	struct writer w;
	writer_init_buf(&w, &name);
	schema_name(&w, member);
	TRY(writer_end(&w));
	return work_refuse(work, ERR(E_VALIDATION),
			   "1 validation error detected: Value null at '%.*s' failed to satisfy "
			   "constraint: Member must not be null",
			   (int)name.len, (const char *)name.ptr);
}

NODISCARD struct err dry_run_decode(struct call_work *work, const char *key_member)
{
	work->in.ignore_ciphertext = ignores_ciphertext(work);
	if (work->in.ignore_ciphertext)
		return require(work, key_member);
	TRY(require(work, "CiphertextBlob"));
	return input_blob(work, "CiphertextBlob", &work->in.ciphertext);
}
