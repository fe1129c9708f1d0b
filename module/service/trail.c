/* SPDX-License-Identifier: Apache-2.0 */
#include "service/trail.h"

#include "base/text.h"
#include "service/core.h"
#include "service/errors.h"
#include "service/identity_text.h"
#include "service/identity_told.h"
#include "service/input.h"
#include "service/keyring.h"

#define MEMBER_NAME_MAX 64
#define LINE_USUAL 1536     /* bytes of most records: one allocation */
#define HOST_MAX 260        /* a domain name and a port */
#define USER_AGENT_MAX 1024 /* CloudTrail record contents: userAgent, 1 KB */

/* Of what cannot be left out, each byte may become six. */
_Static_assert(6 * (SCHEMA_MESSAGE_MAX + USER_AGENT_MAX + HOST_MAX + CALL_TLS_SUBJECT_MAX) + 8192 <=
		       AUDIT_RECORD_MAX,
	       "every refusal has its record");

static const char *const identity_types[] = {
	[AUTH_ROOT] = "Root",
	[AUTH_USER] = "IAMUser",
	[AUTH_ROLE_SESSION] = "AssumedRole",
	[AUTH_SERVICE] = "AWSService",
	[AUTH_OPERATOR] = "Operator",
};

/* The texts that a record borrows while it is being written. */
struct pieces {
	struct buf request, response, additional, tls;
	char principal_id[IDENTITY_USER_ID_TEXT];
};

static void pieces_cleanup(struct pieces *pieces)
{
	buf_cleanup(&pieces->request);
	buf_cleanup(&pieces->response);
	buf_cleanup(&pieces->additional);
	buf_cleanup(&pieces->tls);
}

/* Members without the braces around them. */
static struct view inside(const struct buf *object)
{
	return object->len > 2 ? view_part(buf_view(object), 1, object->len - 2) : VIEW_NONE;
}

static struct err write_value(const struct schema_shape *shape, const char *name,
			      const struct json *value, struct json_out *out);

static struct err write_member(const struct schema_member *member, const struct json *value,
			       struct json_out *out)
{
	if (json_type_of(value) == JSON_TYPE_NULL)
		return OK;
	char lower[MEMBER_NAME_MAX];
	struct writer w;
	writer_init(&w, lower, sizeof lower);
	schema_name(&w, member->name);
	TRY(writer_end_text(&w));
	return write_value(member->shape, lower, value, out);
}

/* Names of members begin in lower case, at every depth; names in a map are the caller's. */
static struct err write_value(const struct schema_shape *shape, const char *name,
			      const struct json *value, struct json_out *out)
{
	if (shape->type == SCHEMA_STRUCTURE) {
		json_out_begin_object(out, name);
		for (const struct schema_member *m = shape->members; m->name != NULL; m++)
			TRY(write_member(m, json_member(value, m->name), out));
		json_out_end_object(out);
	} else if (shape->type == SCHEMA_LIST) {
		json_out_begin_array(out, name);
		for (size_t i = 0; i < json_count(value); i++)
			TRY(write_value(shape->element, NULL, json_element(value, i), out));
		json_out_end_array(out);
	} else {
		json_out_value(out, name, value);
	}
	return OK;
}

static struct err write_named(const struct call_work *work, const char *name, struct json_out *out)
{
	for (const struct schema_member *m = work->operation->input->members; m->name != NULL; m++)
		if (text_equal(m->name, name))
			return write_member(m, input_member(work, name), out);
	return ERR(E_BUG); /* a row names what its schema has not */
}

/* Only what the row names, only after it has been validated. */
static struct err write_request(const struct call_work *work, struct buf *text)
{
	struct writer w;
	struct json_out out;
	writer_init_buf(&w, text);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	const char *const *names = work->operation->audited;
	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		TRY(write_named(work, names[i], &out));
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	return writer_end(&w);
}

static struct err write_response(struct call_work *work, struct buf *text)
{
	struct writer w;
	struct json_out out;
	writer_init_buf(&w, text);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	work->operation->audit(work, &out);
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	return writer_end(&w);
}

/* Which key versions the call used, and the certificate that the client showed. */
static struct err write_additional(const struct call_work *work, struct buf *text)
{
	struct writer w;
	struct json_out out;
	const struct call_tls *tls = &work->call->tls;
	bool shown = tls->client_fingerprint[0] != '\0';
	if (work->out.version[0] == 0 && work->out.version[1] == 0 && !shown)
		return OK;
	writer_init_buf(&w, text);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	if (work->out.version[0] != 0)
		json_out_integer(&out, "keyVersion", work->out.version[0]);
	if (work->out.version[1] != 0)
		json_out_integer(&out, "destinationKeyVersion", work->out.version[1]);
	if (shown) {
		json_out_text(&out, "clientCertificateSubject", view_of_text(tls->client_subject));
		json_out_text(&out, "clientCertificateSha256",
			      view_of_text(tls->client_fingerprint));
	}
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	return writer_end(&w);
}

static struct view host_of(const struct sigv4_request *http)
{
	for (size_t i = 0; i < http->header_count; i++)
		if (view_equal_ignore_case(http->headers[i].name, VIEW_LITERAL("Host")))
			return view_part(http->headers[i].value, 0, HOST_MAX);
	return VIEW_NONE;
}

/* CloudTrail record contents: tlsDetails. */
static struct err write_tls(const struct call *call, struct buf *text)
{
	struct writer w;
	struct json_out out;
	if (!call->secure)
		return OK;
	writer_init_buf(&w, text);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "tlsVersion", view_of_text(call->tls.version));
	json_out_text(&out, "cipherSuite", view_of_text(call->tls.suite));
	json_out_text(&out, "clientProvidedHostHeader", host_of(&call->http));
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	return writer_end(&w);
}

/* CloudTrail userIdentity element: what each type has. A service is told by invokedBy alone, a
 * session by its issuer; userName is a user's or an operator's. */
static void identify(const struct call_work *work, struct pieces *pieces,
		     struct audit_record *record)
{
	const struct auth_principal *who = &work->principal;
	bool service = who->type == AUTH_SERVICE, session = who->type == AUTH_ROLE_SESSION;
	record->identity_type =
		who->type < ARRAY_LEN(identity_types) && identity_types[who->type] != NULL
			? identity_types[who->type]
			: "Unknown";
	identity_user_id(who, pieces->principal_id);
	record->principal_id = view_of_text(pieces->principal_id);
	record->principal_arn = service ? VIEW_NONE : view_of_text(who->arn);
	record->account = view_of_text(who->account);
	record->access_key_id = view_of_text(who->access_key_id);
	record->user_name = service || session ? VIEW_NONE : view_of_text(who->name);
	record->invoked_by = view_of_text(service ? who->name : who->via_service);
	record->session_issued_ms = who->issued_ms;
	if (session)
		record->issuer = (struct audit_issuer){.principal_id = view_of_text(who->id),
						       .arn = view_of_text(who->role_arn),
						       .account = view_of_text(who->account),
						       .user_name = view_of_text(who->role_name)};
}

static struct err add_resource(struct audit_record *record, const char *account, const char *arn,
			       const char *type)
{
	ENSURE(record->resource_count < AUDIT_RESOURCES_MAX);
	struct audit_resource *resource = &record->resources[record->resource_count++];
	resource->type = type;
	TRY(text_copy(resource->account, sizeof resource->account, view_of_text(account)));
	return text_copy(resource->arn, sizeof resource->arn, view_of_text(arn));
}

static struct err add_key(struct audit_record *record, const struct kms_key *key)
{
	char arn[KMS_KEY_ARN_TEXT];
	kms_key_arn_format(&key->scope, &key->id, arn);
	return add_resource(record, key->scope.account, arn, AUDIT_TYPE_KEY);
}

static struct err add_alias(const struct call_work *work, const char *member,
			    struct audit_record *record)
{
	const struct kms_scope *home = &work->home;
	char arn[KMS_ALIAS_ARN_TEXT];
	kms_alias_arn_format(home, input_text(work, member), arn);
	return add_resource(record, home->account, arn, AUDIT_TYPE_ALIAS);
}

/* Of the types that AWS knows, where it knows one. */
static const char *const types[AUTH_KIND_COUNT] = {
	[AUTH_KIND_ACCOUNT] = "AWS::Organizations::Account",
	[AUTH_KIND_USER] = "AWS::IAM::User",
	[AUTH_KIND_GROUP] = "AWS::IAM::Group",
	[AUTH_KIND_ROLE] = "AWS::IAM::Role",
	[AUTH_KIND_SERVICE] = "Holdfast::Service",
	[AUTH_KIND_POLICY] = "AWS::IAM::Policy",
};

/* An alias that the request names is told once its key is known, and so its name is sound. */
static struct err list_resources(const struct call_work *work, struct audit_record *record)
{
	const struct operation *operation = work->operation;
	for (size_t i = 0; operation != NULL && i < WORK_KEYS_MAX; i++) {
		if (work->keys[i] == NULL)
			continue;
		if (operation->keys[i].alias != NULL)
			TRY(add_alias(work, operation->keys[i].alias, record));
		TRY(add_key(record, &keyring_key(work->keys[i])->key));
	}
	if (record->resource_count == 0 && work->out.made.version_count > 0)
		TRY(add_key(record, &work->out.made.key));
	if (work->out.identity != NULL) {
		const struct auth_identity *identity = &work->out.identity->identity;
		TRY(add_resource(record, identity->account, identity->arn, types[identity->kind]));
	}
	return OK;
}

static const char *source_of(const struct call *call)
{
	if (call->door == CALL_DOOR_ADMIN)
		return "holdfast.admin";
	static const char *const sources[] = {
		[CALL_PROTOCOL_JSON] = "kms.amazonaws.com",
		[CALL_PROTOCOL_QUERY] = "sts.amazonaws.com",
		[CALL_PROTOCOL_CLOUDTRAIL] = "cloudtrail.amazonaws.com",
	};
	return sources[call->protocol];
}

static struct err describe(struct call_work *work, struct pieces *pieces,
			   struct audit_record *record)
{
	const struct call *call = work->call;
	TRY(text_copy(record->event_id, sizeof record->event_id, view_of_text(work->event_id)));
	TRY(text_copy(record->request_id, sizeof record->request_id,
		      view_of_text(call->request_id)));
	record->time_ms = work->time_ms;
	record->event_source = source_of(call);
	record->event_name = work->operation_name;
	record->event_type = "AwsApiCall";
	record->region = view_of_text(work->service->options.installation.scope.region);
	/* The caller's; the owner of a key of another account stands in `resources`. */
	record->recipient_account = view_of_text(work->home.account);
	record->source_address = call->source_address;
	record->user_agent = view_part(call->user_agent, 0, USER_AGENT_MAX);
	record->read_only = work->operation == NULL || work->operation->read_only;
	record->decided_by = view_of_text(work->verdict.decided_by);
	identify(work, pieces, record);
	return list_resources(work, record);
}

static void explain(const struct call_work *work, struct audit_record *record)
{
	if (!err_failed(work->failure))
		return;
	record->error_code = view_of_text(error_of(work)->type);
	record->error_message = error_text(work);
}

static struct err write_line(struct call_work *work, const struct audit_record *record)
{
	struct writer w;
	buf_clear(&work->line);
	TRY(buf_reserve(&work->line, LINE_USUAL));
	writer_init_buf(&w, &work->line);
	TRY(audit_record_write(record, &w));
	return writer_end(&w);
}

/* What came in may be larger, once escaped, than a record may be: then it is left out, and said. */
static struct err write_without_request(struct call_work *work, struct audit_record *record)
{
	record->request_members = VIEW_LITERAL("\"omitted\":\"too large for one record\"");
	return write_line(work, record);
}

NODISCARD struct err trail_write(struct call_work *work)
{
	CLEANUP(pieces_cleanup) struct pieces pieces = {.principal_id = ""};
	buf_init(&pieces.request, AUDIT_RECORD_MAX);
	buf_init(&pieces.response, AUDIT_RECORD_MAX);
	buf_init(&pieces.additional, AUDIT_RECORD_MAX);
	buf_init(&pieces.tls, AUDIT_RECORD_MAX);
	struct audit_record record = {0};
	TRY(describe(work, &pieces, &record));
	explain(work, &record);
	bool whole = true;
	if (work->operation != NULL && !err_is(work->failure, E_SERIALIZATION) &&
	    !err_is(work->failure, E_VALIDATION))
		whole = !err_failed(write_request(work, &pieces.request));
	if (work->operation != NULL && work->operation->audit != NULL && !err_failed(work->failure))
		TRY(write_response(work, &pieces.response));
	TRY(write_additional(work, &pieces.additional));
	record.request_members = inside(&pieces.request);
	record.response_members = inside(&pieces.response);
	TRY(write_tls(work->call, &pieces.tls));
	record.additional_members = inside(&pieces.additional);
	record.tls_members = inside(&pieces.tls);
	struct err e = whole ? write_line(work, &record) : ERR(E_BOUNDS);
	return err_is(e, E_BOUNDS) ? write_without_request(work, &record) : e;
}

NODISCARD struct err trail_outbox(struct call_work *work, struct kms_outbox_record *out)
{
	TRY(trail_write(work));
	TRY(text_copy(out->event_id, sizeof out->event_id, view_of_text(work->event_id)));
	out->line = buf_view(&work->line);
	work->offered = true;
	return OK;
}
