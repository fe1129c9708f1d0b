/* SPDX-License-Identifier: Apache-2.0 */
#include "service/outbox.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/timestamp.h"

#define NOTED_MAX 4096 /* what is noted above this is left to the next start */
#define RETRY_S 1      /* after the store refused to clear a batch */
#define KEPT_MAX 64    /* likewise; no change is begun while the log is known to fail */

/* A record of a committed change that the log refused. */
struct kept {
	char id[KMS_EVENT_ID_LEN + 1];
	struct buf line;
};

struct outbox {
	struct kms_store store;
	pthread_mutex_t lock;
	pthread_cond_t noted;
	char ids[NOTED_MAX][KMS_EVENT_ID_LEN + 1];
	size_t count;
	struct kept kept[KEPT_MAX];
	size_t kept_count;
	bool stopping, running;
	pthread_t thread;
	char batch[NOTED_MAX][KMS_EVENT_ID_LEN + 1]; /* the thread's own */
};

/* Moves what is noted into the batch; 0 when the thread is to end. */
static size_t take(struct outbox *outbox)
{
	LOCK_SCOPE(&outbox->lock);
	while (outbox->count == 0 && !outbox->stopping)
		(void)pthread_cond_wait(&outbox->noted, &outbox->lock);
	size_t count = outbox->count;
	mem_copy(outbox->batch, sizeof outbox->batch, outbox->ids, count * sizeof outbox->ids[0]);
	outbox->count = 0;
	return count;
}

/* false: the store is not asked again. What finds no room is left to the next start. */
static bool put_back(struct outbox *outbox, size_t count)
{
	struct timespec until = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_S;
	LOCK_SCOPE(&outbox->lock);
	size_t room = MIN_OF(count, NOTED_MAX - outbox->count);
	mem_copy(outbox->ids[outbox->count], room * sizeof outbox->ids[0], outbox->batch,
		 room * sizeof outbox->ids[0]);
	outbox->count += room;
	while (!outbox->stopping)
		if (pthread_cond_timedwait(&outbox->noted, &outbox->lock, &until) == ETIMEDOUT)
			break;
	return !outbox->stopping;
}

static void *serve(void *arg)
{
	struct outbox *outbox = (struct outbox *)arg;
	bool failing = false;
	for (size_t count; (count = take(outbox)) > 0;) {
		struct err e =
			outbox->store.ops->outbox_done(outbox->store.self, outbox->batch, count);
		if (err_failed(e) && !failing)
			log_event(LOG_WARNING, "outbox.not_cleared", LOG_NUMBER("records", count),
				  LOG_ERR(e));
		failing = err_failed(e);
		if (failing && !put_back(outbox, count))
			break;
	}
	return NULL;
}

NODISCARD struct err outbox_start(const struct kms_store *store, struct outbox **out)
{
	CLEANUP(outbox_stop) struct outbox *outbox = NULL;
	TRY(MEM_NEW(&outbox));
	outbox->store = *store;
	(void)pthread_mutex_init(&outbox->lock, NULL);
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return ERR(E_NOMEM);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&outbox->noted, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	int failed = pthread_create(&outbox->thread, NULL, serve, outbox);
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	outbox->running = true;
	*out = TAKE(outbox);
	return OK;
}

static void end_thread(struct outbox *outbox)
{
	pthread_mutex_lock(&outbox->lock);
	outbox->stopping = true;
	(void)pthread_cond_signal(&outbox->noted);
	pthread_mutex_unlock(&outbox->lock);
	(void)pthread_join(outbox->thread, NULL);
}

void outbox_stop(struct outbox **outbox)
{
	if (*outbox == NULL)
		return;
	if ((*outbox)->running)
		end_thread(*outbox);
	for (size_t i = 0; i < (*outbox)->kept_count; i++)
		buf_cleanup(&(*outbox)->kept[i].line);
	(void)pthread_cond_destroy(&(*outbox)->noted);
	(void)pthread_mutex_destroy(&(*outbox)->lock);
	mem_free(TAKE(*outbox));
}

void outbox_note_done(struct outbox *outbox, const char event_id[KMS_EVENT_ID_LEN + 1])
{
	LOCK_SCOPE(&outbox->lock);
	if (outbox->count == NOTED_MAX)
		return;
	struct view id = view_of_text(event_id);
	if (!err_failed(text_copy(outbox->ids[outbox->count], sizeof outbox->ids[0], id)))
		outbox->count++;
	(void)pthread_cond_signal(&outbox->noted);
}

void outbox_keep(struct outbox *outbox, const char event_id[KMS_EVENT_ID_LEN + 1], struct buf *line)
{
	LOCK_SCOPE(&outbox->lock);
	if (outbox->kept_count == KEPT_MAX)
		return;
	struct kept *kept = &outbox->kept[outbox->kept_count];
	if (err_failed(text_copy(kept->id, sizeof kept->id, view_of_text(event_id))))
		return;
	kept->line = *line;
	buf_init(line, line->max);
	outbox->kept_count++;
}

static bool take_kept(struct outbox *outbox, struct kept *out)
{
	LOCK_SCOPE(&outbox->lock);
	if (outbox->kept_count == 0)
		return false;
	*out = outbox->kept[--outbox->kept_count];
	return true;
}

void outbox_append_kept(struct outbox *outbox, struct audit_log *audit)
{
	struct kept kept;
	while (audit_log_healthy(audit) && take_kept(outbox, &kept)) {
		struct err e = audit_log_append_wait(audit, buf_view(&kept.line));
		if (err_failed(e))
			outbox_keep(outbox, kept.id, &kept.line);
		else
			outbox_note_done(outbox, kept.id);
		buf_cleanup(&kept.line);
		if (err_failed(e))
			return;
	}
}

size_t outbox_backlog(struct outbox *outbox)
{
	LOCK_SCOPE(&outbox->lock);
	return outbox->kept_count;
}

/* --- What the store still has. --- */

struct page {
	struct kms_outbox_record *records;
	size_t count;
};

static void page_cleanup(struct page *page)
{
	for (size_t i = 0; i < page->count; i++)
		mem_free_at(&page->records[i].line.ptr);
	mem_free(page->records);
}

static int64_t time_of(struct view line)
{
	CLEANUP(json_free) struct json *record = NULL;
	int64_t ms = 0;
	if (err_failed(json_parse(line, &record)))
		return 0;
	struct err e = timestamp_parse_iso(json_string_of(json_member(record, "eventTime")), &ms);
	return err_failed(e) ? 0 : ms;
}

NODISCARD struct err outbox_oldest(const struct kms_store *store, int64_t *ms)
{
	CLEANUP(page_cleanup) struct page page = {0};
	TRY(store->ops->outbox_list(store->self, &page.records, &page.count));
	*ms = INT64_MAX;
	for (size_t i = 0; i < page.count; i++)
		*ms = MIN_OF(*ms, time_of(page.records[i].line));
	return OK;
}
