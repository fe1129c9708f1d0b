/* SPDX-License-Identifier: Apache-2.0 */
#include "service/audit_head.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"

_Static_assert(KMS_EVENT_ID_LEN == AUDIT_CHAIN_ID_LEN, "a head holds a chain's id");
_Static_assert(sizeof((struct kms_audit_head *)NULL)->hash == AUDIT_HASH_LEN, "and a line's hash");

static const char *log_name(const struct service *service)
{
	const char *name = service->options.audit_name;
	return name != NULL ? name : SERVICE_AUDIT_NAME_DEFAULT;
}

static bool is_kept(const struct service *service)
{
	return service->options.manifest.ops != NULL && service->options.audit_directory != NULL;
}

static struct err refuse(const struct kms_audit_head *head)
{
	struct err e = ERR(E_AUDIT_CHAIN);
	log_event(LOG_ERROR, "audit.head_missing", LOG_TEXT("log", head->log),
		  LOG_TEXT("chain", head->chain), LOG_NUMBER("sequence", head->sequence),
		  LOG_TEXT("meaning", "the log has no such line; it was durable there once, or is "
				      "another daemon's that has the same [audit] name"),
		  LOG_ERR(e));
	return e;
}

NODISCARD struct err audit_head_expect(const struct kms_manifest *manifest, const char *directory,
				       const char *log)
{
	struct audit_point point = {.sequence = 0};
	struct kms_audit_head head = {0};
	bool found = false;
	if (err_failed(manifest->ops->head_load(manifest->self, log, &head)) || head.sequence == 0)
		return OK;
	TRY(text_copy(point.chain, sizeof point.chain, view_of_text(head.chain)));
	point.sequence = head.sequence;
	mem_copy(point.hash, sizeof point.hash, head.hash, sizeof head.hash);
	struct err e = audit_log_has_point(directory, &point, &found);
	REQUIRE(!err_is(e, E_NOMEM), E_NOMEM);
	return !err_failed(e) && found ? OK : refuse(&head);
}

/* A chain that has ended is no better than a line that is missing: what comes behind it is bound to
 * nothing. */
static struct err compare(const struct service *service, const struct kms_audit_head *head)
{
	struct audit_point point = {.sequence = head->sequence}, now = {.sequence = 0};
	bool found = false;
	TRY(text_copy(point.chain, sizeof point.chain, view_of_text(head->chain)));
	mem_copy(point.hash, sizeof point.hash, head->hash, sizeof head->hash);
	audit_log_point(service->options.audit, &now);
	if (text_equal(now.chain, point.chain))
		TRY(audit_log_has_point(service->options.audit_directory, &point, &found));
	return found ? OK : refuse(head);
}

NODISCARD struct err audit_head_check(struct service *service)
{
	const struct kms_manifest *manifest = &service->options.manifest;
	struct kms_audit_head head = {0};
	if (!is_kept(service))
		return OK;
	TRY(text_copy(head.log, sizeof head.log, view_of_text(log_name(service))));
	struct err e = manifest->ops->head_load(manifest->self, log_name(service), &head);
	if (err_is(e, E_NOT_FOUND))
		log_event(LOG_INFO, "audit.head_new", LOG_TEXT("log", head.log));
	else if (err_failed(e))
		return e;
	else if (head.sequence > 0) /* 0: an operator has accepted that the log was lost */
		TRY(compare(service, &head));
	service->audit_head = head;
	return OK;
}

NODISCARD struct err audit_head_look(struct service *service)
{
	const struct kms_manifest *manifest = &service->options.manifest;
	struct kms_audit_head head;
	struct err e = manifest->ops->head_load(manifest->self, log_name(service), &head);
	return err_is(e, E_NOT_FOUND) || err_is(e, E_STORE_SEAL) ? OK : e;
}

/* What is stored is ours when the log that we write has it: an exchange whose answer was lost. */
static struct err learn(struct service *service, const struct audit_point *point)
{
	const struct kms_manifest *manifest = &service->options.manifest;
	struct kms_audit_head stored = {0};
	TRY(manifest->ops->head_load(manifest->self, log_name(service), &stored));
	REQUIRE(text_equal(stored.chain, point->chain) && stored.sequence <= point->sequence,
		E_STORE_CONFLICT);
	service->audit_head = stored;
	return OK;
}

static bool has_moved(const struct kms_audit_head *head, const struct audit_point *point)
{
	return point->sequence > 0 &&
	       (point->sequence != head->sequence || !text_equal(point->chain, head->chain));
}

static struct err save(struct service *service, const struct audit_point *point)
{
	const struct kms_manifest *manifest = &service->options.manifest;
	struct kms_audit_head next = service->audit_head;
	next.revision++;
	next.sequence = point->sequence;
	TRY(text_copy(next.chain, sizeof next.chain, view_of_text(point->chain)));
	mem_copy(next.hash, sizeof next.hash, point->hash, sizeof point->hash);
	TRY(manifest->ops->head_save(manifest->self, &next));
	service->audit_head = next;
	return OK;
}

NODISCARD struct err audit_head_save(struct service *service)
{
	struct audit_point point = {.sequence = 0};
	if (!is_kept(service))
		return OK;
	audit_log_point(service->options.audit, &point);
	if (!has_moved(&service->audit_head, &point))
		return OK;
	struct err e = save(service, &point);
	if (!err_is(e, E_STORE_CONFLICT))
		return e;
	TRY(learn(service, &point));
	return has_moved(&service->audit_head, &point) ? save(service, &point) : OK;
}
