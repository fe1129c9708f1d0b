/* SPDX-License-Identifier: Apache-2.0 */
#include "identities.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/writer.h"

#define BODY_MAX (256 << 10)

static char *plain_json(const char *readable)
{
	CLEANUP(buf_cleanup) struct buf body;
	struct writer w;
	buf_init(&body, BODY_MAX);
	writer_init_buf(&w, &body);
	for (const char *at = readable; *at != '\0'; at++) {
		if (*at == '`')
			writer_u8(&w, '\\');
		writer_u8(&w, (uint8_t)(*at == '`' || *at == '\'' ? '"' : *at));
	}
	char *text = NULL;
	assert_ok(writer_end(&w));
	assert_ok(text_new(buf_view(&body), &text));
	return text;
}

static void call(struct world *w, struct reply *out, const char *operation, const char *readable)
{
	static const struct twist admin = {.admin = true};
	CLEANUP(mem_free_at) char *body = plain_json(readable);
	*out = (struct reply){0};
	world_call_twisted(w, &admin, operation, body, out);
}

void ask(struct world *w, struct reply *out, const char *operation, const char *body, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, body);
	assert_true(vasprintf(&text, body, args) >= 0);
	va_end(args);
	call(w, out, operation, text);
	free(text);
}

void must(struct world *w, const char *operation, const char *body, ...)
{
	CLEANUP(reply_cleanup) struct reply r;
	char *text = NULL;
	va_list args;
	va_start(args, body);
	assert_true(vasprintf(&text, body, args) >= 0);
	va_end(args);
	call(w, &r, operation, text);
	if (r.status != 200)
		fail_msg("%s %s: %s", operation, text, r.body);
	free(text);
}

void must_not(struct world *w, const struct refusal *refusal, const char *operation,
	      const char *body, ...)
{
	CLEANUP(reply_cleanup) struct reply r;
	char *text = NULL;
	va_list args;
	va_start(args, body);
	assert_true(vasprintf(&text, body, args) >= 0);
	va_end(args);
	call(w, &r, operation, text);
	const char *message = refusal->message != NULL ? refusal->message : reply_message(&r);
	if (r.status != 400 || strcmp(reply_type(&r), refusal->type) != 0 ||
	    strcmp(reply_message(&r), message) != 0)
		fail_msg("%s %s: %u %s\nnot %s: %s", operation, text, r.status, r.body,
			 refusal->type, message);
	free(text);
}

const struct json *get_identity(struct world *w, struct reply *out, const char *kind,
				const char *name)
{
	ask(w, out, "GetIdentity", "{'Kind':'%s','Name':'%s'}", kind, name);
	assert_status(out, 200);
	const struct json *identity = json_member(out->json, "Identity");
	assert_non_null(identity);
	return identity;
}

const char *text_in(const struct json *object, const char *member)
{
	struct view text = json_string_of(json_member(object, member));
	return text.len > 0 ? (const char *)text.ptr : "";
}
