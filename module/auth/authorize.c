/* SPDX-License-Identifier: Apache-2.0 */
/* One rule and a default; what is not clearly allowed is denied. */
#include "auth/authorize.h"

#include "base/writer.h"

#define SHOW(view) (int)(view).len, (const char *)(view).ptr
#define ECHO_MAX 384 /* bytes of the resource in a message: the longest is the ARN of an alias */

static bool in_own_account(const struct auth_request *request)
{
	return request->resource_account.len == AUTH_ACCOUNT_LEN &&
	       view_equal_text(request->resource_account, request->subject->principal->account);
}

/* Both texts of the verdict are zeroed and keep their last byte: what is written ends with a NUL.
 */
static void put_rule(struct auth_verdict *out, const char *rule)
{
	struct writer w;
	writer_init(&w, out->decided_by, sizeof out->decided_by - 1);
	writer_text(&w, rule);
}

/* IAM: the words of AccessDeniedException. */
static void put_denial(const struct auth_request *request, struct auth_verdict *out)
{
	struct view resource = view_part(request->resource, 0, ECHO_MAX);
	struct writer w;
	writer_init(&w, out->message, sizeof out->message - 1);
	writer_format(&w,
		      "User: %s is not authorized to perform: %.*s on resource: %.*s because no %s "
		      "policy allows the %.*s action",
		      request->subject->principal->arn, SHOW(request->action), (int)resource.len,
		      (const char *)resource.ptr,
		      in_own_account(request) ? "identity-based" : "resource-based",
		      SHOW(request->action));
	if (err_failed(writer_end(&w))) {
		/* An absurdly long name: the denial stands, with fewer words. */
		writer_init(&w, out->message, sizeof out->message - 1);
		writer_text(&w, "User is not authorized to perform this action");
	}
}

void auth_decide(const struct auth_request *request, struct auth_verdict *out)
{
	*out = (struct auth_verdict){.allowed = false};
	if (request->subject->principal->administrator && in_own_account(request)) {
		out->allowed = true;
		out->outcome = AUTH_ALLOWED;
		put_rule(out, "identity:administrator");
		return;
	}
	put_rule(out, "default-deny");
	put_denial(request, out);
}
