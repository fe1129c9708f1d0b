/* SPDX-License-Identifier: Apache-2.0 */
#include "service/query.h"

#include "base/text.h"
#include "codec/form.h"

#define NAME_MAX_SHOWN 128 /* bytes of an operation's name that are recorded */
#define DOCUMENT_MAX                                                                 \
	((size_t)6 * FORM_BYTES_MAX + 4096) /* each byte may become an escape of six \
					     */

static struct err parse(struct call_work *work)
{
	if (work->in.form != NULL)
		return OK;
	struct err e = form_parse(work->call->http.body, &work->in.form);
	if (err_category(e) == ERR_CALLER)
		return work_refuse(work, ERR_DETAIL(E_SERIALIZATION, e.code),
				   "The request body is not a valid form: %s.", err_meaning(e));
	return e;
}

static struct err refuse_action(struct call_work *work, struct view version)
{
	struct view name = work->operation_name, shown = view_part(version, 0, NAME_MAX_SHOWN);
	return work_refuse(work, ERR(E_UNKNOWN_OPERATION),
			   "Could not find operation %.*s for version %.*s", (int)name.len,
			   (const char *)name.ptr, (int)shown.len, (const char *)shown.ptr);
}

NODISCARD struct err query_find_operation(struct call_work *work)
{
	struct view action, version;
	TRY(parse(work));
	(void)form_find(work->in.form, "Action", &action);
	(void)form_find(work->in.form, "Version", &version);
	work->operation_name = view_part(action, 0, NAME_MAX_SHOWN);
	if (!view_equal_text(version, QUERY_VERSION) ||
	    err_failed(operation_find(work->call->door, CALL_PROTOCOL_QUERY, action,
				      &work->operation)))
		return refuse_action(work, version);
	return OK;
}

static bool is_integer(struct view text, int64_t *out)
{
	return !err_failed(text_parse_integer(text, 0, INT64_MAX, out));
}

/* What is no number or truth value stays a text, and the validator words what is wrong with it. */
static void put_simple(struct json_out *out, const struct schema_member *member, struct view text)
{
	int64_t number;
	bool yes = view_equal_text(text, "true");
	if (member->shape->type == SCHEMA_INTEGER && is_integer(text, &number))
		json_out_integer(out, member->name, number);
	else if (member->shape->type == SCHEMA_BOOLEAN && (yes || view_equal_text(text, "false")))
		json_out_bool(out, member->name, yes);
	else
		json_out_text(out, member->name, text);
}

/* "Tags.member.1.Key" is below "Tags". */
static bool is_below(struct view name, struct view list)
{
	return name.len > list.len && view_starts_with(name, list) && name.ptr[list.len] == '.';
}

/* An empty list is sent as the list's name alone. */
static void put_list(struct json_out *out, const struct form *form, const char *name)
{
	struct form_pair pair;
	struct view list = view_of_text(name);
	bool found = false;
	for (size_t i = 0; form_at(form, i, &pair); i++) {
		if (!is_below(pair.name, list) && !view_equal(pair.name, list))
			continue;
		if (!found)
			json_out_begin_array(out, name);
		found = true;
		if (is_below(pair.name, list))
			json_out_text(out, NULL, pair.value);
	}
	if (found)
		json_out_end_array(out);
}

static void put_member(struct json_out *out, const struct form *form,
		       const struct schema_member *member)
{
	struct view value;
	if (member->shape->type >= SCHEMA_LIST)
		put_list(out, form, member->name);
	else if (form_find(form, member->name, &value))
		put_simple(out, member, value);
}

NODISCARD struct err query_document(const struct call_work *work, struct json **out)
{
	CLEANUP(buf_cleanup) struct buf text;
	struct writer w;
	struct json_out json;
	ENSURE(work->in.form != NULL);
	buf_init(&text, DOCUMENT_MAX);
	writer_init_buf(&w, &text);
	json_out_init(&json, &w);
	json_out_begin_object(&json, NULL);
	for (const struct schema_member *m = work->operation->input->members; m->name != NULL; m++)
		put_member(&json, work->in.form, m);
	json_out_end_object(&json);
	TRY(json_out_end(&json));
	TRY(writer_end(&w));
	return json_parse(buf_view(&text), out);
}
