/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as systemd's journal has them: "Native Journal Protocol", systemd.journal-fields(7). */
#include <inttypes.h>

#include "audit/sink_local.h"

/* 64 bits, the lowest byte first. */
static void put_length(struct writer *w, uint64_t len)
{
	for (unsigned shift = 0; shift < 64; shift += 8)
		writer_u8(w, (uint8_t)(len >> shift));
}

/* NAME=value, or with its length where a value has more than one line; empty ones are left out. */
static void put_field(struct writer *w, const char *name, struct view value)
{
	if (value.len == 0)
		return;
	bool one_line = view_find(value, '\n') == value.len;
	writer_text(w, name);
	writer_u8(w, one_line ? '=' : '\n');
	if (!one_line)
		put_length(w, value.len);
	writer_bytes(w, value);
	writer_u8(w, '\n');
}

static void write_message(const struct sink_speaker *speaker, const struct sink_line *line,
			  struct writer *out)
{
	put_field(out, "MESSAGE", line->text);
	writer_format(out, "PRIORITY=%d\nSYSLOG_FACILITY=%" PRIu32 "\n", line->severity,
		      speaker->facility);
	put_field(out, "SYSLOG_IDENTIFIER", view_of_text(speaker->ident));
	put_field(out, "HOLDFAST_EVENT_ID", line->event_id);
	put_field(out, "HOLDFAST_EVENT_NAME", line->event_name);
	put_field(out, "HOLDFAST_REQUEST_ID", line->request_id);
}

const struct sink_kind sink_journal = {.name = "journal",
				       .socket = "/run/systemd/journal/socket",
				       .takes_files = true,
				       .write = write_message};
