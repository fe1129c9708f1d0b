/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status_text.h"

#define SECONDS_PER_MINUTE 60
#define SECONDS_PER_HOUR 3600
#define SECONDS_PER_DAY 86400

/* Text that came over the socket is shown on a terminal: printable ASCII only. */
static void put_text(struct writer *w, struct view text)
{
	for (size_t i = 0; i < text.len; i++)
		writer_u8(w, text.ptr[i] >= 0x20 && text.ptr[i] < 0x7f ? text.ptr[i] : '?');
}

static void put_member(struct writer *w, const struct json *part, const char *name)
{
	put_text(w, json_string_of(json_member(part, name)));
}

static long long number(const struct json *part, const char *name)
{
	return (long long)json_integer_of(json_member(part, name));
}

static void put_uptime(struct writer *w, long long s)
{
	if (s >= SECONDS_PER_DAY)
		writer_format(w, "%lld d %lld h", s / SECONDS_PER_DAY,
			      s % SECONDS_PER_DAY / SECONDS_PER_HOUR);
	else if (s >= SECONDS_PER_HOUR)
		writer_format(w, "%lld h %lld min", s / SECONDS_PER_HOUR,
			      s % SECONDS_PER_HOUR / SECONDS_PER_MINUTE);
	else if (s >= SECONDS_PER_MINUTE)
		writer_format(w, "%lld min", s / SECONDS_PER_MINUTE);
	else
		writer_format(w, "%lld s", s);
}

/* ---- what each line says behind the state ---- */

static void put_ready(struct writer *w, const struct json *status)
{
	writer_text(w, "version ");
	put_member(w, status, "Version");
	writer_text(w, ", up ");
	put_uptime(w, number(status, "UptimeSeconds"));
}

static void put_token(struct writer *w, const struct json *status)
{
	const struct json *token = json_member(status, "Token");
	put_member(w, token, "Condition");
	if (json_string_of(json_member(token, "Label")).len == 0)
		return; /* it has not been reached since the start */
	writer_text(w, ", ");
	put_member(w, token, "Label");
	writer_text(w, " (");
	put_member(w, token, "Manufacturer");
	writer_text(w, " ");
	put_member(w, token, "Model");
	writer_text(w, ", serial ");
	put_member(w, token, "Serial");
	writer_format(w, "), suite %lld, lanes %lld, generation %lld", number(token, "Suite"),
		      number(token, "Lanes"), number(token, "Generation"));
}

static void put_store(struct writer *w, const struct json *status)
{
	const struct json *keys = json_member(status, "Keys");
	writer_format(w, "%lld keys in memory", number(keys, "Cached"));
	if (number(keys, "VersionsRefused") > 0)
		writer_format(w, ", %lld key versions REFUSED", number(keys, "VersionsRefused"));
}

static void put_audit(struct writer *w, const struct json *status)
{
	const struct json *audit = json_member(status, "Audit");
	writer_format(w, "%lld records, %lld syncs, %lld failures", number(audit, "Lines"),
		      number(audit, "Syncs"), number(audit, "Failures"));
}

/* Each has a member of its name with Ok, Reason and Remedy. Overall comes first. */
static const struct row {
	const char *member;
	const char *label;
	void (*put)(struct writer *w, const struct json *status);
} rows[] = {
	{"Ready", "service", put_ready},
	{"Token", "token", put_token},
	{"Store", "store", put_store},
	{"Audit", "audit log", put_audit},
};

static bool is_well(const struct json *status, const struct row *row)
{
	return json_bool_of(json_member(json_member(status, row->member), "Ok"));
}

bool status_text_is_well(const struct json *status)
{
	bool well = number(json_member(status, "Keys"), "VersionsRefused") == 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		well = well && is_well(status, &rows[i]);
	return well;
}

static void put_plain(struct writer *w, const struct json *status)
{
	const struct json *calls = json_member(status, "Calls");
	const struct json *where = json_member(status, "Installation");
	writer_format(w, "  %-10s %-8s %lld, %lld failed, %lld under way\n", "calls", "",
		      number(calls, "Total"), number(calls, "Failed"), number(calls, "UnderWay"));
	writer_format(w, "  %-10s %-8s ", "serves", "");
	writer_text(w, "account ");
	put_member(w, where, "Account");
	writer_text(w, " in ");
	put_member(w, where, "Region");
	writer_text(w, ", installation ");
	put_member(w, where, "Id");
	writer_text(w, "\n");
}

static bool equal_reasons(const struct json *a, const struct json *b)
{
	return view_equal(json_string_of(json_member(a, "Error")),
			  json_string_of(json_member(b, "Error")));
}

/* The overall state repeats the part that causes it: said once, by the part. */
static bool is_repeated(const struct json *status, size_t at)
{
	const struct json *part = json_member(status, rows[at].member);
	for (size_t i = at + 1; at == 0 && i < ARRAY_LEN(rows); i++) {
		if (!is_well(status, &rows[i]) &&
		    equal_reasons(part, json_member(status, rows[i].member)))
			return true;
	}
	return false;
}

static void put_troubles(struct writer *w, const struct json *status)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (is_well(status, &rows[i]) || is_repeated(status, i))
			continue;
		const struct json *part = json_member(status, rows[i].member);
		writer_format(w, "\n%s: ", rows[i].label);
		put_member(w, part, "Reason");
		writer_text(w, " [");
		put_member(w, part, "Error");
		writer_text(w, "]\n  -> ");
		put_member(w, part, "Remedy");
		writer_text(w, "\n");
	}
	if (number(json_member(status, "Keys"), "VersionsRefused") > 0)
		writer_text(w, "\nkeys: versions failed their check at the start and are not "
			       "used\n  -> see service log lines that name them; restore the "
			       "token or the store\n");
}

void status_text_write(struct writer *w, const struct json *status)
{
	bool well = status_text_is_well(status);
	writer_text(w, well ? "Holdfast is ready.\n\n" : "Holdfast is NOT WELL.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		writer_format(w, "  %-10s %-8s ", rows[i].label,
			      is_well(status, &rows[i]) ? "ok" : "FAILED");
		rows[i].put(w, status);
		writer_text(w, "\n");
	}
	put_plain(w, status);
	put_troubles(w, status);
}
