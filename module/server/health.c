/* SPDX-License-Identifier: Apache-2.0 */
#include "server/health.h"

#include "codec/json.h"

static struct err ready_body(struct err state, struct buf *body)
{
	struct writer w;
	writer_init_buf(&w, body);
	struct json_out json;
	json_out_init(&json, &w);
	json_out_begin_object(&json, NULL);
	json_out_bool(&json, "ready", !err_failed(state));
	if (err_failed(state)) {
		json_out_text(&json, "error", view_of_text(err_name(state)));
		json_out_text(&json, "meaning", view_of_text(err_meaning(state)));
		json_out_text(&json, "action", view_of_text(err_action(state)));
	}
	json_out_end_object(&json);
	TRY(json_out_end(&json));
	return writer_end(&w);
}

NODISCARD struct err health_answer(struct service *service, enum route_kind kind, struct buf *body,
				   uint16_t *status)
{
	*status = 200;
	if (kind == ROUTE_HEALTH)
		return buf_append_text(body, "ok\n");
	struct err state = service_ready(service);
	if (err_failed(state))
		*status = 503;
	return ready_body(state, body);
}

const char *health_content_type(enum route_kind kind)
{
	return kind == ROUTE_HEALTH ? "text/plain" : "application/json";
}
