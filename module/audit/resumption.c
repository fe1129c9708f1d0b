/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/resumption.h"

#include "audit/own_record.h"
#include "base/text.h"

#define EVENT "ResumeAuditLog"
#define STOP_EVENT "StopAuditLog"
#define MEMBERS_MAX 512

bool audit_resumption_switches(const struct audit_resumption *r)
{
	return r->previous_key[0] != '\0' && !text_equal(r->previous_key, r->key);
}

static struct err write_members(const struct audit_resumption *r, struct writer *w)
{
	if (r->previous_key[0] != '\0')
		writer_format(w, "\"previousKey\":\"%s\",", r->previous_key);
	writer_format(w, "\"key\":\"%s\"", r->key);
	if (r->from > 0)
		writer_format(w, ",\"firstUnproven\":%llu,\"lastUnproven\":%llu",
			      (unsigned long long)r->from, (unsigned long long)r->to);
	if (r->behind_stop)
		writer_text(w, ",\"behindStop\":true");
	if (r->wrong > 0)
		writer_format(w, ",\"wrongSignatures\":%llu", (unsigned long long)r->wrong);
	return writer_end(w);
}

NODISCARD struct err audit_resumption_append(struct audit_log *log, int64_t time_ms,
					     const char *region, const char *account,
					     const struct audit_resumption *resumption)
{
	char members[MEMBERS_MAX];
	struct writer w;
	writer_init(&w, members, sizeof members);
	TRY(write_members(resumption, &w));
	return own_record_append(log, &(const struct own_record){
					      .event = EVENT,
					      .time_ms = time_ms,
					      .region = region,
					      .account = account,
					      .detail_members = view_of(members, w.len),
				      });
}

static struct err take_key(const struct json *details, const char *name,
			   char out[AUDIT_KEY_ID_LEN + 1])
{
	struct view key = json_string_of(json_member(details, name));
	REQUIRE(key.len == AUDIT_KEY_ID_LEN || key.len == 0, E_FORMAT);
	return text_copy(out, AUDIT_KEY_ID_LEN + 1, key);
}

static struct err take_number(const struct json *details, const char *name, uint64_t *out)
{
	int64_t number = json_integer_of(json_member(details, name));
	REQUIRE(number >= 0, E_FORMAT);
	*out = (uint64_t)number;
	return OK;
}

static struct err take_details(const struct json *details, struct audit_resumption *out)
{
	TRY(take_key(details, "previousKey", out->previous_key));
	TRY(take_key(details, "key", out->key));
	TRY(take_number(details, "firstUnproven", &out->from));
	TRY(take_number(details, "lastUnproven", &out->to));
	TRY(take_number(details, "wrongSignatures", &out->wrong));
	out->behind_stop = json_bool_of(json_member(details, "behindStop"));
	REQUIRE(out->from <= out->to, E_FORMAT);
	return OK;
}

NODISCARD struct err audit_resumption_parse(struct view line, struct audit_resumption *out,
					    bool *is)
{
	CLEANUP(json_free) struct json *record = NULL;
	struct audit_resumption found = {.from = 0};
	*is = false;
	TRY(own_record_parse(line, EVENT, &record));
	if (record == NULL)
		return OK;
	*is = !err_failed(take_details(json_member(record, "serviceEventDetails"), &found));
	if (*is)
		*out = found;
	return OK;
}

NODISCARD struct err audit_stop_append(struct audit_log *log, int64_t time_ms, const char *region,
				       const char *account)
{
	return own_record_append(log, &(const struct own_record){.event = STOP_EVENT,
								 .time_ms = time_ms,
								 .region = region,
								 .account = account});
}

NODISCARD struct err audit_stop_parse(struct view line, bool *is)
{
	CLEANUP(json_free) struct json *record = NULL;
	TRY(own_record_parse(line, STOP_EVENT, &record));
	*is = record != NULL;
	return OK;
}
