/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What looking events up costs: a log of so many records is made, indexed, and asked. Prints
 * figures and asserts nothing but that what is looked for is found. `lookup [records] [folder]`;
 * 10,000,000 records take 12 GB of the folder, which is removed again.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/lookup.h"
#include "audit/reader.h"
#include "audit/segment.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"
#include "codec/timestamp.h"

#define ACCOUNT "111122223333"
#define SMALL "444455556666" /* has one call in SMALL_EVERY */
#define SMALL_EVERY 100000
#define RECORDS_DEFAULT 100000
#define SEGMENT ((uint64_t)256 << 20)
#define CHUNK ((size_t)4 << 20)
#define KEYS 500
#define USERS 200
#define RARE_EVERY 50000 /* calls of the user "rare" */
#define PER_SECOND 100   /* records a second of the log's time */
#define BEGAN_MS INT64_C(1767225600000)
#define NS_PER_MS 1000000.0

static void need(bool condition, const char *what)
{
	if (condition)
		return;
	(void)fprintf(stderr, "lookup: %s\n", what);
	exit(1);
}

static void must(struct err e, const char *what)
{
	if (err_failed(e))
		(void)fprintf(stderr, "%s: %s (%u)\n", what, err_name(e), e.detail);
	need(!err_failed(e), what);
}

/* --- The log. --- */

static void event_id(uint64_t n, char out[AUDIT_EVENT_ID_LEN + 1])
{
	uint64_t mixed = n * UINT64_C(0x9e3779b97f4a7c15);
	must(text_format(out, AUDIT_EVENT_ID_LEN + 1, "%08x-%04x-4000-8000-%012" PRIx64,
			 (unsigned)(mixed >> 32), (unsigned)(mixed >> 16) & 0xffff, n),
	     "an id");
}

static void put_record(struct writer *w, uint64_t n)
{
	static const char *const names[] = {"Decrypt", "GenerateDataKey", "Encrypt", "DescribeKey"};
	const char *account = n % SMALL_EVERY == 7 ? SMALL : ACCOUNT;
	char id[AUDIT_EVENT_ID_LEN + 1], time[TIMESTAMP_ISO_TEXT], user[32];
	unsigned key = (unsigned)(n * 2654435761U % KEYS);
	event_id(n, id);
	timestamp_iso(BEGAN_MS + (int64_t)(n / PER_SECOND) * 1000, false, time);
	must(text_format(user, sizeof user, n % RARE_EVERY == 1234 ? "rare" : "user-%u",
			 (unsigned)(n % USERS)),
	     "a name");
	writer_format(
		w,
		"{\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":\"IAMUser\","
		"\"principalId\":\"AIDAKZ72BDRT43JFJDB7E\",\"arn\":\"arn:aws:iam::%s:user/%s\","
		"\"accountId\":\"%s\",\"accessKeyId\":\"AKIA%016u\",\"userName\":\"%s\"},"
		"\"eventTime\":\"%s\",\"eventSource\":\"kms.amazonaws.com\",\"eventName\":\"%s\","
		"\"awsRegion\":\"us-east-1\",\"sourceIPAddress\":\"192.0.2.%u\","
		"\"userAgent\":\"Boto3/1.35.0 md/Botocore#1.35.0 ua/2.0 os/linux#6.1 "
		"md/arch#x86_64 lang/python#3.11.2\",",
		account, user, account, (unsigned)(n % USERS), user, time,
		names[n % ARRAY_LEN(names)], (unsigned)(n % 250));
	writer_format(w,
		      "\"requestParameters\":{\"encryptionContext\":{\"tenant\":\"%" PRIu64 "\","
		      "\"purpose\":\"customer-data-at-rest\"},\"encryptionAlgorithm\":"
		      "\"SYMMETRIC_DEFAULT\"},\"responseElements\":null,\"additionalEventData\":"
		      "{\"decidedBy\":\"key-policy:1 (Enable IAM User Permissions) + "
		      "AdministratorAccess:1\",\"keyVersion\":1},\"requestID\":\"%s\","
		      "\"eventID\":\"%s\",\"readOnly\":true,\"resources\":[{\"accountId\":\"%s\","
		      "\"type\":\"AWS::KMS::Key\",\"ARN\":\"arn:aws:kms:us-east-1:%s:key/"
		      "00000000-0000-4000-8000-%012u\"}],\"eventType\":\"AwsApiCall\","
		      "\"managementEvent\":true,\"recipientAccountId\":\"%s\",\"eventCategory\":"
		      "\"Management\",\"tlsDetails\":{\"tlsVersion\":\"TLSv1.3\",\"cipherSuite\":"
		      "\"TLS_AES_128_GCM_SHA256\"},\"chain\":{\"id\":"
		      "\"7b8a1a39-51c2-4a2f-9a56-0d6c6a2a9a10\",\"sequence\":%" PRIu64
		      ",\"previous\":\"%064" PRIx64 "\"}}\n",
		      n / 3, id, id, account, account, key, account, n + 1, n);
}

static int new_segment(const char *folder, unsigned sequence)
{
	char path[512];
	must(text_format(path, sizeof path, "%s/audit-20260101T000000Z-%06u.jsonl", folder,
			 sequence),
	     "a path");
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	need(fd >= 0, "a segment cannot be made");
	return fd;
}

static uint64_t make_log(const char *folder, uint64_t records)
{
	CLEANUP(buf_cleanup) struct buf text;
	buf_init(&text, CHUNK + 4096);
	uint64_t bytes = 0, in_segment = 0;
	unsigned sequence = 1;
	int fd = new_segment(folder, sequence);
	for (uint64_t n = 0; n < records; n++) {
		struct writer w;
		writer_init_buf(&w, &text);
		put_record(&w, n);
		must(writer_end(&w), "a record");
		if (text.len < CHUNK - 2048 && n + 1 < records)
			continue;
		must(file_write(fd, buf_view(&text)), "the log cannot be written");
		bytes += text.len;
		in_segment += text.len;
		text.len = 0;
		if (in_segment < SEGMENT || n + 1 == records)
			continue;
		(void)close(fd);
		fd = new_segment(folder, ++sequence);
		in_segment = 0;
	}
	(void)close(fd);
	return bytes;
}

/* --- The index. --- */

static uint64_t index_bytes(const char *folder)
{
	uint64_t bytes = 0;
	DIR *d = opendir(folder);
	need(d != NULL, "the folder cannot be read");
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		struct stat st = {0};
		if (strstr(entry->d_name, AUDIT_INDEX_SUFFIX) != NULL &&
		    fstatat(dirfd(d), entry->d_name, &st, 0) == 0)
			bytes += (uint64_t)st.st_size;
	}
	(void)closedir(d);
	return bytes;
}

static void write_index(const char *folder, const char *segment,
			struct audit_index_builder *builder, uint64_t end)
{
	char path[512];
	CLEANUP(buf_cleanup) struct buf text;
	buf_init(&text, AUDIT_INDEX_BYTES_MAX);
	must(audit_index_builder_end(builder, end), "the last block");
	must(audit_index_encode(audit_index_builder_index(builder), segment, NULL, &text),
	     "the file of an index");
	must(text_format(path, sizeof path, "%s/%s" AUDIT_INDEX_SUFFIX, folder, segment), "a path");
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	need(fd >= 0 && !err_failed(file_write(fd, buf_view(&text))), "an index is not written");
	(void)close(fd);
	audit_index_builder_restart(builder);
}

/* Everything into indexes, as fast as one thread can: seconds. */
static double build(const char *folder)
{
	struct audit_index_builder *builder = NULL;
	struct audit_reader *reader = NULL;
	struct audit_line line;
	char segment[SEGMENT_NAME_MAX] = "";
	uint64_t end = 0, sequence = 0;
	bool got = true, block = false;
	int64_t began = metric_now_ns();
	must(audit_index_builder_new(&builder), "a builder");
	must(audit_reader_open(folder, &reader), "the log");
	for (;;) {
		must(audit_reader_next(reader, &line, &got), "a line");
		if (sequence != 0 && (!got || line.segment_sequence != sequence))
			write_index(folder, segment, builder, end);
		if (!got)
			break;
		sequence = line.segment_sequence;
		must(text_copy(segment, sizeof segment, view_of_text(line.segment)), "a name");
		end = line.offset + line.text.len + 1;
		must(audit_index_builder_add(builder, line.text, end, &block), "a line");
	}
	audit_reader_close(&reader);
	audit_index_builder_free(&builder);
	return (double)(metric_now_ns() - began) / 1e9;
}

/* --- Looking up. --- */

struct question {
	const char *what;
	const char *account;
	enum audit_attribute attribute;
	char value[128];
	int64_t since_ms, until_ms;
	int pages;   /* that are asked for */
	bool absent; /* nothing may be found */
};

static struct err count(void *user, const struct audit_found *event)
{
	(void)event;
	*(size_t *)user += 1;
	return OK;
}

struct result {
	size_t events, pages;
	double first_ms, worst_ms;
};

static struct result ask(struct audit_indexes *const *logs, const struct question *q)
{
	struct result result = {0};
	struct audit_place place = AUDIT_PLACE_NEWEST;
	struct audit_lookup lookup = {.logs = logs,
				      .count = 1,
				      .events_max = 50,
				      .text_max = 160 << 10,
				      .found = count,
				      .user = &result.events};
	lookup.wanted = (struct audit_wanted){view_of_text(q->account), q->attribute,
					      view_of_text(q->value), q->since_ms, q->until_ms};
	for (bool more = true; more && result.pages < (size_t)q->pages; result.pages++) {
		int64_t began = metric_now_ns();
		must(audit_lookup(&lookup, &place, &more), q->what);
		double ms = (double)(metric_now_ns() - began) / NS_PER_MS;
		result.first_ms = result.pages == 0 ? ms : result.first_ms;
		result.worst_ms = MAX_OF(result.worst_ms, ms);
	}
	need((result.events == 0) == q->absent, q->what);
	return result;
}

static void ask_all(struct audit_indexes *const *logs, uint64_t records)
{
	int64_t end_ms = BEGAN_MS + (int64_t)(records / PER_SECOND + 1) * 1000;
	struct question questions[] = {
		{"warming up", ACCOUNT, AUDIT_EVENT_ID, "none", 0, end_ms, 1, true},
		{"an event id, old", ACCOUNT, AUDIT_EVENT_ID, "", 0, end_ms, 100, false},
		{"an event id that is not there", ACCOUNT, AUDIT_EVENT_ID,
		 "00000000-0000-4000-8000-ffffffffffff", 0, end_ms, 100, true},
		{"the newest, no attribute", ACCOUNT, AUDIT_ANY, "", 0, end_ms, 1, false},
		{"a frequent user", ACCOUNT, AUDIT_USERNAME, "user-17", 0, end_ms, 1, false},
		{"a frequent user, 100 pages deep", ACCOUNT, AUDIT_USERNAME, "user-17", 0, end_ms,
		 100, false},
		{"a rare user, all of it", ACCOUNT, AUDIT_USERNAME, "rare", 0, end_ms, 1000, false},
		{"a user who is not there", ACCOUNT, AUDIT_USERNAME, "nobody", 0, end_ms, 100,
		 true},
		{"a key", ACCOUNT, AUDIT_RESOURCE_NAME, "00000000-0000-4000-8000-000000000077", 0,
		 end_ms, 1, false},
		{"a key, a minute long ago", ACCOUNT, AUDIT_RESOURCE_NAME,
		 "00000000-0000-4000-8000-000000000077", BEGAN_MS, BEGAN_MS + 60000, 100, false},
		{"a small account, all of it", SMALL, AUDIT_ANY, "", 0, end_ms, 1000, false},
		{"an account that is not there", "999988887777", AUDIT_ANY, "", 0, end_ms, 100,
		 true},
	};
	event_id(records / 10, questions[1].value);
	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		struct result r = ask(logs, &questions[i]);
		printf("  %-34s %7zu events, %4zu pages, first %8.2f ms, slowest %8.2f ms\n",
		       questions[i].what, r.events, r.pages, r.first_ms, r.worst_ms);
	}
}

static void clear(const char *folder)
{
	DIR *d = opendir(folder);
	need(d != NULL, "the folder cannot be read");
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d))
		if (strncmp(entry->d_name, "audit-", 6) == 0)
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	(void)closedir(d);
	(void)rmdir(folder);
}

int main(int argc, char **argv)
{
	uint64_t records = argc > 1 ? strtoull(argv[1], NULL, 10) : RECORDS_DEFAULT;
	char folder[256] = "/tmp/holdfast-lookup-XXXXXX";
	if (argc > 2)
		must(text_format(folder, sizeof folder, "%s/holdfast-lookup-XXXXXX", argv[2]),
		     "the folder's name");
	need(records >= RARE_EVERY, "at least 50,000 records, please");
	need(mkdtemp(folder) != NULL, "no folder");
	uint64_t bytes = make_log(folder, records);
	printf("%" PRIu64 " records, %.0f MiB\n", records, (double)bytes / 1048576);
	double seconds = build(folder);
	printf("indexed in %.1f s (%.2f us a record), %.1f MiB (%.2f %%)\n", seconds,
	       seconds * 1e6 / (double)records, (double)index_bytes(folder) / 1048576,
	       100.0 * (double)index_bytes(folder) / (double)bytes);
	struct audit_indexes *indexes = NULL;
	must(audit_indexes_start(&(struct audit_indexes_options){.directory = folder,
								 .memory_max = (uint64_t)1 << 30},
				 &indexes),
	     "the indexes");
	ask_all(&indexes, records);
	audit_indexes_stop(&indexes);
	clear(folder);
	return 0;
}
