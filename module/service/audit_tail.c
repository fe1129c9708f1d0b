/* SPDX-License-Identifier: Apache-2.0 */
#include "service/audit_tail.h"

#include "audit/resumption.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"

static struct err conclude(const struct service *service, const struct audit_tail *tail,
			   struct audit_resumption *out)
{
	const struct kms_audit_head *head = &service->audit_head;
	uint64_t stored = text_equal(head->chain, tail->head.chain) ? head->sequence : 0;
	uint64_t proven = MAX_OF(tail->attested, stored);
	*out = (struct audit_resumption){.wrong = tail->wrong};
	if (tail->last_record > proven) {
		out->from = proven + 1;
		out->to = tail->head.sequence;
		out->behind_stop = tail->stopped;
	}
	mem_copy(out->previous_key, sizeof out->previous_key, tail->key, sizeof tail->key);
	return audit_key_id(service->options.audit_public_key, out->key);
}

static void say(const struct audit_resumption *found)
{
	if (found->from > 0)
		log_event(found->behind_stop ? LOG_ERROR : LOG_WARNING, "audit.tail_unproven",
			  LOG_NUMBER("from", found->from), LOG_NUMBER("to", found->to),
			  LOG_TEXT("meaning",
				   found->behind_stop
					   ? "lines behind the signed record of a stop in good "
					     "order: somebody else has written them"
					   : "lines behind the last signature and the store's "
					     "head: of a service that was killed, or forged"),
			  LOG_TEXT("effect", "the audit log names them, and goes on behind them"));
	if (found->wrong > 0)
		log_event(LOG_ERROR, "audit.signatures_forged", LOG_NUMBER("found", found->wrong),
			  LOG_TEXT("meaning", "they name the token's audit key, which has not made "
					      "them: somebody writes to the log's folder"));
	if (audit_resumption_switches(found))
		log_event(LOG_ERROR, "audit.key_changed", LOG_TEXT("from", found->previous_key),
			  LOG_TEXT("to", found->key),
			  LOG_TEXT("meaning", "another audit-signing key than the log's last "
					      "signature: of another token, or made anew"),
			  LOG_TEXT("action",
				   "if nobody has moved the token, stop; else verify with "
				   "both keys: holdfast audit verify --key OLD --key NEW"));
}

NODISCARD struct err audit_tail_tell(struct service *service)
{
	const struct service_options *options = &service->options;
	struct audit_tail tail;
	struct audit_resumption found;
	audit_log_tail(options->audit, &tail);
	if (tail.head.sequence == 0 || options->audit_public_key == NULL)
		return OK;
	TRY(conclude(service, &tail, &found));
	if (found.from == 0 && found.wrong == 0 && !audit_resumption_switches(&found))
		return OK;
	say(&found);
	return audit_resumption_append(options->audit, clock_real_ms(options->clock),
				       options->installation.scope.region,
				       options->installation.scope.account, &found);
}
