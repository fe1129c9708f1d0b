/* SPDX-License-Identifier: Apache-2.0 */
#include "service/clock_reply.h"

#include "codec/timestamp.h"
#include "service/core.h"

#define MS_PER_S 1000

static void put_text(struct json_out *out, const char *name, const char *text)
{
	json_out_text(out, name, view_of_text(text));
}

/* For people, who are to compare it with another clock. */
static void put_date(struct json_out *out, const char *name, int64_t ms)
{
	char text[TIMESTAMP_ISO_TEXT] = "";
	timestamp_iso(ms, false, text);
	put_text(out, name, text);
}

void clock_reply_encode(struct call_work *work, struct json_out *out)
{
	struct clock_trust_report report;
	clock_trust_report(work->service->clock_trust, &report);
	bool trusted = report.verdict == CLOCK_TRUSTED;
	json_out_bool(out, "Trusted", trusted);
	put_text(out, "State", clock_verdict_name(report.verdict));
	put_text(out, "Meaning", clock_verdict_meaning(report.verdict));
	put_date(out, "Time", report.now_ms);
	if (report.trusted_ms != 0)
		put_date(out, "TrustedUntil", report.trusted_ms);
	json_out_integer(out, "OffsetSeconds", report.apart_ms / MS_PER_S);
	if (report.held_ms != 0)
		put_date(out, "HeldSince", report.held_ms);
	if (err_failed(report.store))
		put_text(out, "Error", err_name(report.store));
	put_text(out, "Destruction", trusted ? "goes on" : "held");
	if (!trusted)
		put_text(out, "Remedy", clock_verdict_remedy(report.verdict));
}

void clock_reply_audit(struct call_work *work, struct json_out *out)
{
	const struct clock_trust_report *report = &work->out.clock;
	put_text(out, "stateBefore", clock_verdict_name(report->verdict));
	put_date(out, "trustedUntilBefore", report->trusted_ms);
	json_out_integer(out, "offsetSeconds", report->apart_ms / MS_PER_S);
	put_date(out, "acceptedTime", report->now_ms);
}
