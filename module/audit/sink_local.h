/* SPDX-License-Identifier: Apache-2.0 */
/* The folder's own header: the parts of a sink: what it says (one file per kind), where its lines
 * wait, and how they are sent. */
#ifndef HOLDFAST_AUDIT_SINK_LOCAL_H
#define HOLDFAST_AUDIT_SINK_LOCAL_H

#include "audit/record.h"
#include "audit/sink.h"
#include "base/buf.h"
#include "base/writer.h"
#include "codec/timestamp.h"

#define SINK_LINE_MAX (AUDIT_RECORD_MAX + 1024) /* with its place in the chain */
#define SINK_MESSAGE_MAX (SINK_LINE_MAX + 2048)
#define SINK_HOST_MAX 255 /* RFC 5424: HOSTNAME */

/* syslog(3) */
#define SINK_WARNING 4 /* a note about lines that are missing */
#define SINK_NOTICE 5  /* a call that was refused or failed */
#define SINK_INFO 6

/* Who speaks. */
struct sink_speaker {
	char ident[AUDIT_SINK_IDENT_MAX + 1];
	char host[SINK_HOST_MAX + 1];
	uint32_t facility;
	int64_t pid;
};

/* One line and what is known of it; empty: nothing. */
struct sink_line {
	struct view text;
	struct view event_id, event_name, request_id;
	char time[TIMESTAMP_ISO_TEXT];
	int severity;
};

struct sink_kind {
	const char *name;
	const char *socket;
	bool takes_files; /* a message too large for a datagram, as a sealed file */
	void (*write)(const struct sink_speaker *speaker, const struct sink_line *line,
		      struct writer *out);
};
extern const struct sink_kind sink_syslog;
extern const struct sink_kind sink_journal;

/* The lines that wait, in their order, in a fixed room. Not thread-safe. */
struct sink_queue {
	uint8_t *room;
	size_t cap, head, len;
	size_t count;
};
NODISCARD struct err sink_queue_init(struct sink_queue *queue, size_t cap);
void sink_queue_cleanup(struct sink_queue *queue);
/* `missed`: lines that are missing directly in front of this one. false: no room. */
bool sink_queue_put(struct sink_queue *queue, struct view front, struct view ending,
		    uint64_t missed);
/* The oldest into `out`, which is emptied first. false: there is none. E_NOMEM: it stays. */
NODISCARD struct err sink_queue_take(struct sink_queue *queue, struct buf *out, uint64_t *missed,
				     bool *got);

/* A datagram socket to `path`; *fd is the caller's. The error's detail is errno. */
NODISCARD struct err sink_connect(const char *path, int send_bytes, int *fd);
/* Sends at once or not at all. E_WOULD_BLOCK: its queue is full. E_BOUNDS: no datagram is so large.
 * E_SYSTEM. */
NODISCARD struct err sink_send(int fd, struct view message);
/* As a sealed file in memory. */
NODISCARD struct err sink_send_file(int fd, struct view message);

/* For tests: less room, and shorter times. */
struct audit_sink_tuning {
	size_t queue_bytes;
	int send_bytes; /* SO_SNDBUF; 0: the machine's */
	uint32_t retry_ms, say_ms, stop_ms;
};
NODISCARD struct err audit_sink_open_tuned(const struct audit_sink_options *options,
					   const struct audit_sink_tuning *tuning,
					   const struct clock *clock, struct audit_sink **out);

#endif
