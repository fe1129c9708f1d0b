/* SPDX-License-Identifier: Apache-2.0 */
#include "callers.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

void caller_hire(struct world *w, struct caller *who)
{
	CLEANUP(reply_cleanup) struct reply r;
	must(w, "CreateIdentity", "{'Kind':'user','Account':'%s','Name':'%s'}", who->account,
	     who->name);
	ask(w, &r, "CreateAccessKey", "{'Kind':'user','Account':'%s','Name':'%s'}", who->account,
	    who->name);
	assert_status(&r, 200);
	const struct json *made = json_member(r.json, "AccessKey");
	assert_ok(text_copy(who->id, sizeof who->id,
			    json_string_of(json_member(made, "AccessKeyId"))));
	assert_ok(secret_new_from(json_string_of(json_member(made, "SecretAccessKey")),
				  &who->secret));
}

void caller_allow(struct world *w, const struct caller *who, const char *document)
{
	must(w, "PutIdentityPolicy",
	     "{'Kind':'user','Account':'%s','Name':'%s','PolicyName':'p','Document':'%s'}",
	     who->account, who->name, document);
}

void caller_allow_nothing(struct world *w, const struct caller *who)
{
	must(w, "DeleteIdentityPolicy",
	     "{'Kind':'user','Account':'%s','Name':'%s','PolicyName':'p'}", who->account,
	     who->name);
}

void caller_call(const struct callers_call *call, struct reply *out, const char *operation,
		 const char *body, ...)
{
	const struct twist twist = {.access_key_id = call->who->id,
				    .secret_key = call->who->secret};
	char *text = NULL;
	va_list args;
	va_start(args, body);
	assert_true(vasprintf(&text, body, args) >= 0);
	va_end(args);
	*out = (struct reply){0};
	world_call_twisted(call->world, &twist, operation, text, out);
	free(text);
}
