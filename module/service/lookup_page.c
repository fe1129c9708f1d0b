/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NextToken is a marker as those of KMS's lists are: authenticated, bound to the account and to
 * what was asked for. In it: when it was made, and how far back each log has been looked through,
 * so that what is appended meanwhile moves nothing.
 */
#include "service/lookup_page.h"

#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"
#include "service/core.h"
#include "service/input.h"
#include "service/marker.h"

#define TEXT_MAX ((size_t)160 << 10) /* bytes of lines in a page */
#define TOKEN_LIFE_MS INT64_C(86400000)
#define PAGE_BYTES_MAX ((size_t)WORK_REPLY_MAX)

#define EVENT_BYTES 3072 /* of an event besides its text, at most: names and ARNs */

/* Text may become twice as long in an event that is text itself. */
_Static_assert(TEXT_MAX >= AUDIT_RECORD_MAX &&
		       2 * TEXT_MAX + LOOKUP_EVENTS_MAX * (size_t)EVENT_BYTES < PAGE_BYTES_MAX,
	       "a page fits into a reply");

struct element {
	int64_t time_ms;
	size_t at, len; /* in the texts */
};

struct page {
	struct element elements[LOOKUP_EVENTS_MAX];
	size_t count;
	struct buf texts;
	struct buf record; /* of one event */
};

static void page_cleanup(struct page *page)
{
	buf_cleanup(&page->texts);
	buf_cleanup(&page->record);
}

/* --- Events. --- */

static void put_text(struct json_out *out, const char *name, struct view text)
{
	if (text.len > 0)
		json_out_text(out, name, text);
}

static void put_resources(struct json_out *out, const struct audit_found *it)
{
	json_out_begin_array(out, "Resources");
	for (size_t i = 0; i < it->event->resource_count; i++) {
		const struct audit_event_resource *resource = &it->event->resources[i];
		if (!audit_copy_sees(it->event, it->copy, resource))
			continue;
		json_out_begin_object(out, NULL);
		put_text(out, "ResourceType", resource->type);
		put_text(out, "ResourceName", resource->arn);
		json_out_end_object(out);
	}
	json_out_end_array(out);
}

static struct err write_event(struct page *page, const struct audit_found *it)
{
	const struct audit_event *event = it->event;
	struct writer w;
	struct json_out out;
	writer_init_buf(&w, &page->texts);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "EventId", view_of_text(it->copy->event_id));
	put_text(&out, "EventName", event->name);
	json_out_text(&out, "ReadOnly", view_of_text(event->read_only ? "true" : "false"));
	put_text(&out, "AccessKeyId", it->copy->caller ? event->access_key_id : VIEW_NONE);
	json_out_time(&out, "EventTime", event->time_ms);
	put_text(&out, "EventSource", event->source);
	put_text(&out, "Username", audit_copy_user(event, it->copy));
	put_resources(&out, it);
	json_out_text(&out, "CloudTrailEvent", buf_view(&page->record));
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	return writer_end(&w);
}

/* The newest first, also where a call was recorded after one that began later. */
static void insert(struct page *page, const struct element *element)
{
	size_t at = page->count++;
	for (; at > 0 && page->elements[at - 1].time_ms < element->time_ms; at--)
		page->elements[at] = page->elements[at - 1];
	page->elements[at] = *element;
}

static struct err take(void *user, const struct audit_found *it)
{
	struct page *page = user;
	struct element element = {.time_ms = it->event->time_ms, .at = page->texts.len};
	struct writer w;
	ENSURE(page->count < LOOKUP_EVENTS_MAX);
	buf_clear(&page->record);
	writer_init_buf(&w, &page->record);
	TRY(audit_copy_write(it->line, it->event, it->copy, &w));
	TRY(write_event(page, it));
	element.len = page->texts.len - element.at;
	insert(page, &element);
	return OK;
}

/* All of them in one piece, with commas between: for work->out.list. */
static struct err join(const struct page *page, uint8_t **out, size_t *len)
{
	size_t room = page->texts.len + page->count + 1;
	struct writer w;
	TRY(MEM_NEW_ARRAY(room, out));
	writer_init(&w, *out, room);
	for (size_t i = 0; i < page->count; i++) {
		writer_text(&w, i > 0 ? "," : "");
		writer_bytes(&w, view_part(buf_view(&page->texts), page->elements[i].at,
					   page->elements[i].len));
	}
	*len = w.len;
	return writer_end(&w);
}

/* --- NextToken. --- */

static struct err write_token(struct call_work *work, struct marker_place *place,
			      const struct audit_place *places)
{
	const struct service *service = work->service;
	struct kms_sealer sealer = service_sealer_port(&work->service->sealer);
	uint8_t room[8 + AUDIT_LOGS_MAX * 16];
	char marker[MARKER_TEXT];
	struct writer w;
	writer_init(&w, room, sizeof room);
	writer_u64(&w, (uint64_t)work->time_ms);
	for (size_t i = 0; i < service->options.log_count; i++) {
		writer_u64(&w, places[i].sequence);
		writer_u64(&w, places[i].offset);
	}
	TRY(writer_end(&w));
	TRY(marker_set_last(place, view_of(room, w.len)));
	TRY(marker_make(&sealer, place, marker));
	return text_new(view_of_text(marker), &work->out.list.marker);
}

static struct err read_token(struct call_work *work, struct marker_place *place,
			     struct audit_place *places)
{
	struct kms_sealer sealer = service_sealer_port(&work->service->sealer);
	struct reader r;
	TRY(marker_read(&sealer, input_text(work, "NextToken"), place));
	reader_init(&r, marker_last(place));
	int64_t made_ms = (int64_t)reader_u64(&r);
	for (size_t i = 0; i < work->service->options.log_count; i++)
		places[i] = (struct audit_place){reader_u64(&r), reader_u64(&r)};
	REQUIRE(!err_failed(reader_end(&r)), E_KMS_INVALID_MARKER);
	REQUIRE(work->time_ms - made_ms <= TOKEN_LIFE_MS, E_KMS_INVALID_MARKER);
	return OK;
}

static struct err begin(struct call_work *work, struct marker_place *place,
			struct audit_place *places)
{
	for (size_t i = 0; i < AUDIT_LOGS_MAX; i++)
		places[i] = AUDIT_PLACE_NEWEST;
	return input_member(work, "NextToken") != NULL ? read_token(work, place, places) : OK;
}

/* --- Pages. --- */

static struct err keep(struct call_work *work, const struct page *page)
{
	struct work_list *list = &work->out.list;
	uint8_t *items = NULL;
	size_t len = 0;
	struct err e = join(page, &items, &len);
	mem_free(list->items);
	mem_free(TAKE(list->marker));
	list->items = items;
	list->count = len;
	return e;
}

NODISCARD struct err lookup_page_none(struct call_work *work)
{
	const struct page none = {.count = 0};
	return keep(work, &none);
}

NODISCARD struct err lookup_enter(_Atomic uint32_t *under_way, uint32_t threads)
{
	if (atomic_fetch_add(under_way, 1) < MAX_OF(threads / 2, UINT32_C(1)))
		return OK;
	lookup_leave(under_way);
	return ERR(E_BUSY);
}

void lookup_leave(_Atomic uint32_t *under_way)
{
	atomic_fetch_sub(under_way, 1);
}

static struct err find(struct call_work *work, const struct lookup_question *question)
{
	const struct service_options *options = &work->service->options;
	CLEANUP(page_cleanup) struct page page = {.count = 0};
	struct audit_place places[AUDIT_LOGS_MAX];
	uint8_t digest[AUDIT_WANTED_DIGEST_LEN];
	bool more = false;
	buf_init(&page.texts, PAGE_BYTES_MAX);
	buf_init(&page.record, 2 * (size_t)AUDIT_RECORD_MAX);
	TRY(audit_wanted_digest(&question->wanted, options->log_count, digest));
	struct marker_place place = {.operation = work->operation->name,
				     .scope = &work->home,
				     .about = VIEW_ARRAY(digest)};
	TRY(begin(work, &place, places));
	TRY(audit_lookup(&(struct audit_lookup){.logs = options->logs,
						.count = options->log_count,
						.wanted = question->wanted,
						.events_max = question->events_max,
						.text_max = TEXT_MAX,
						.found = take,
						.user = &page},
			 places, &more));
	TRY(keep(work, &page));
	return more ? write_token(work, &place, places) : OK;
}

NODISCARD struct err lookup_page_find(struct call_work *work,
				      const struct lookup_question *question)
{
	_Atomic uint32_t *under_way = &work->service->lookups;
	TRY(lookup_enter(under_way, work->service->options.blocking_threads));
	struct err e = find(work, question);
	lookup_leave(under_way);
	return e;
}

void lookup_page_encode(struct call_work *work, struct json_out *out)
{
	const struct work_list *list = &work->out.list;
	json_out_begin_array(out, "Events");
	writer_bytes(out->w, view_of(list->items, list->count));
	json_out_end_array(out);
	if (list->marker != NULL)
		json_out_text(out, "NextToken", view_of_text(list->marker));
}
