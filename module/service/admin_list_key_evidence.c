/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin operation ListKeyEvidence: of every key of an account, in order of ids, an entry for the
 * key, one for each version and one for each grant. A page is bounded in entries and bytes, and may
 * end within a key. Changes nothing.
 */
#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"
#include "service/core.h"
#include "service/identity_input.h"
#include "service/input.h"
#include "service/key_evidence.h"
#include "service/listing.h"
#include "service/shapes.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 200          /* entries; each version asks the token */
#define PAGE_BYTES (160 << 10) /* a page ends behind the entry that reaches it */
#define ENTRY_MAX (320 << 10)  /* the largest: a policy and tags, each character escaped */
#define GRANTS_AT_ONCE 50
#define NO_VERSION_LEFT UINT32_MAX

_Static_assert(PAGE_BYTES + ENTRY_MAX < WORK_REPLY_MAX, "a page fits into a reply");

static const struct schema_member members[] = {
	{"Account", &shape_account, false},
	{"Limit", &shape_limit, false},
	{"Marker", &shape_marker, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Account", "Limit", "Marker", NULL};

/* Where the page has come to: behind this version and this grant of this key. */
struct position {
	bool begun; /* false: before the first key */
	struct kms_key_id id;
	uint32_t version; /* NO_VERSION_LEFT: all are told, and grants come */
	char grant[KMS_GRANT_ID_LEN + 1];
	bool ended; /* nothing is left of the key */
};

#define POSITION_MAX (1 + 16 + 4 + KMS_GRANT_ID_LEN)

static struct err write_position(const struct position *at, struct writer *w)
{
	writer_u8(w, (uint8_t)((at->id.multi_region ? 1 : 0) | (at->ended ? 2 : 0)));
	writer_bytes(w, VIEW_ARRAY(at->id.bytes));
	writer_u32(w, at->version);
	writer_text(w, at->grant);
	return writer_end(w);
}

static struct err read_position(const struct marker_place *place, struct position *at)
{
	struct reader r;
	*at = (struct position){.begun = place->last_len > 0};
	if (!at->begun)
		return OK;
	reader_init(&r, marker_last(place));
	uint8_t bits = reader_u8(&r);
	at->id.multi_region = (bits & 1) != 0;
	at->ended = (bits & 2) != 0;
	reader_copy(&r, at->id.bytes, sizeof at->id.bytes);
	at->version = reader_u32(&r);
	TRY(text_copy(at->grant, sizeof at->grant, reader_remaining(&r)));
	REQUIRE(!err_failed(reader_end(&r)), E_KMS_INVALID_MARKER);
	return OK;
}

struct page {
	struct service *service;
	struct kms_scope scope;
	struct position at;
	struct kms_key_full full; /* of at.id, once it is loaded */
	bool loaded;
	size_t entries, limit;
	bool more;
	struct buf *text; /* the entries, with commas */
	struct writer w;
	struct json_out out;
};

static void page_cleanup(struct page *page)
{
	kms_key_full_cleanup(&page->full);
}

static bool is_full(const struct page *page)
{
	return page->entries >= page->limit || page->text->len >= PAGE_BYTES;
}

static void unload(struct page *page)
{
	kms_key_full_cleanup(&page->full);
	page->full = (struct kms_key_full){0};
	page->loaded = false;
}

/* A key that goes while it is told has ended. */
static struct err load(struct page *page)
{
	const struct kms_store *store = &page->service->options.store;
	unload(page);
	struct err e = store->ops->key_load(store->self, &page->scope, &page->at.id, &page->full);
	page->loaded = !err_failed(e);
	page->at.ended |= err_is(e, E_NOT_FOUND);
	return err_is(e, E_NOT_FOUND) ? OK : e;
}

static struct err begin_next(struct page *page, bool *got)
{
	const struct kms_store *store = &page->service->options.store;
	struct kms_key_page ids = {0};
	TRY(store->ops->key_list(store->self, &page->scope, page->at.begun ? &page->at.id : NULL, 1,
				 &ids));
	CLEANUP(mem_free_at) struct kms_key_id *id = ids.ids;
	*got = ids.count > 0;
	if (!*got)
		return OK;
	page->at = (struct position){.begun = true, .id = id[0]};
	TRY(load(page));
	if (!page->loaded)
		return OK;
	page->entries++;
	return key_evidence_write_key(page->service, &page->full, &page->out);
}

static struct err tell_versions(struct page *page)
{
	for (size_t i = 0; i < page->full.version_count; i++) {
		const struct kms_version *version = &page->full.versions[i];
		if (version->number <= page->at.version)
			continue;
		if (is_full(page))
			return OK;
		TRY(key_evidence_write_version(page->service, &page->full, version, &page->out));
		page->at.version = version->number;
		page->entries++;
	}
	page->at.version = NO_VERSION_LEFT;
	return OK;
}

static struct err tell_grants(struct page *page)
{
	const struct kms_grants *grants = &page->service->options.grants;
	size_t room = page->limit - MIN_OF(page->entries, page->limit);
	const struct kms_grant_query query = {.scope = &page->scope,
					      .key_id = &page->at.id,
					      .after = view_of_text(page->at.grant),
					      .limit = MIN_OF(room, (size_t)GRANTS_AT_ONCE)};
	CLEANUP(kms_grant_page_cleanup) struct kms_grant_page found = {0};
	TRY(grants->ops->list(grants->self, &query, &found));
	for (size_t i = 0; i < found.count; i++) {
		if (is_full(page))
			return OK;
		key_evidence_write_grant(&found.grants[i], &page->out);
		TRY(text_copy(page->at.grant, sizeof page->at.grant,
			      view_of_text(found.grants[i].id)));
		page->entries++;
	}
	page->at.ended = !found.more;
	return OK;
}

static struct err go_on(struct page *page)
{
	if (!page->loaded)
		TRY(load(page));
	if (page->at.ended)
		return OK;
	return page->at.version != NO_VERSION_LEFT ? tell_versions(page) : tell_grants(page);
}

/* Until it is full, or there is nothing left. */
static struct err fill(struct page *page)
{
	bool got = true;
	while (!is_full(page)) {
		if (page->at.begun && !page->at.ended) {
			TRY(go_on(page));
			continue;
		}
		TRY(begin_next(page, &got));
		if (!got)
			break;
	}
	page->more = got;
	return writer_end(&page->w);
}

static struct err end(struct call_work *work, struct marker_place *place, const struct page *page)
{
	uint8_t last[POSITION_MAX];
	struct writer w;
	writer_init(&w, last, sizeof last);
	TRY(write_position(&page->at, &w));
	return listing_end(work, place,
			   &(struct listing_page){.items = NULL,
						  .count = page->entries,
						  .more = page->more,
						  .last = view_of(last, w.len)});
}

static struct err execute(struct call_work *work)
{
	CLEANUP(page_cleanup)
	struct page page = {
		.service = work->service, .scope = work->home, .text = &work->out.written};
	struct marker_place place;
	struct view account = identity_input_account(work);
	TRY(text_copy(page.scope.account, sizeof page.scope.account, account));
	TRY(listing_begin(work, account, &place));
	TRY(read_position(&place, &page.at));
	page.limit = (size_t)MIN_OF(input_integer(work, "Limit", LIMIT_DEFAULT), LIMIT_MAX);
	buf_cleanup(page.text);
	buf_init(page.text, PAGE_BYTES + ENTRY_MAX);
	writer_init_buf(&page.w, page.text);
	json_out_init(&page.out, &page.w);
	json_out_begin_array(&page.out, NULL);
	TRY(fill(&page));
	json_out_end_array(&page.out);
	TRY(json_out_end(&page.out));
	return end(work, &place, &page);
}

static void encode(struct call_work *work, struct json_out *out)
{
	json_out_written(out, "Entries", buf_view(&work->out.written));
	listing_encode(work, out);
}

const struct operation admin_list_key_evidence = {
	.name = "ListKeyEvidence",
	.door = CALL_DOOR_ADMIN,
	.read_only = true,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "holdfast:ListKeyEvidence"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
};
