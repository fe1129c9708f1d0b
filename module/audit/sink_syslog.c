/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as syslog has them: RFC 5424. */
#include <inttypes.h>

#include "audit/sink_local.h"

#define MESSAGE_ID_MAX 32

/* RFC 5424 §6: PRINTUSASCII of a bounded length, or the NILVALUE. */
static void put_word(struct writer *w, struct view word, size_t max)
{
	bool plain = word.len > 0 && word.len <= max;
	for (size_t i = 0; plain && i < word.len; i++)
		plain = word.ptr[i] > 0x20 && word.ptr[i] < 0x7f;
	writer_bytes(w, plain ? word : VIEW_LITERAL("-"));
	writer_u8(w, ' ');
}

/* <PRI>VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG. The line, JSON, has
 * all that structured data could; and that would need a private enterprise number. */
static void write_message(const struct sink_speaker *speaker, const struct sink_line *line,
			  struct writer *out)
{
	writer_format(out, "<%" PRIu32 ">1 %s ", speaker->facility * 8 + (uint32_t)line->severity,
		      line->time);
	put_word(out, view_of_text(speaker->host), SINK_HOST_MAX);
	put_word(out, view_of_text(speaker->ident), AUDIT_SINK_IDENT_MAX);
	writer_format(out, "%" PRId64 " ", speaker->pid);
	put_word(out, line->event_name, MESSAGE_ID_MAX);
	writer_text(out, "- ");
	writer_bytes(out, line->text);
}

const struct sink_kind sink_syslog = {
	.name = "syslog", .socket = "/dev/log", .write = write_message};
