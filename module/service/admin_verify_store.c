/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin operation VerifyStore: verifies the whole store against the token's anchor, as every start
 * does, while the service goes on. Changes nothing.
 */
#include "base/mem.h"
#include "base/text.h"
#include "codec/hex.h"
#include "service/core.h"
#include "service/operation.h"
#include "service/survey.h"

#define FINDINGS_TOLD_MAX 100 /* that a reply holds, each as long as it may be */

_Static_assert(FINDINGS_TOLD_MAX *(6 * (KMS_FINDING_ROW_MAX + KMS_FINDING_TABLE_MAX) + 512) <
		       WORK_REPLY_MAX,
	       "every reply fits");

static const struct schema_member members[] = {{NULL, NULL, false}};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static struct err execute(struct call_work *work)
{
	REQUIRE(work->service->options.manifest.ops != NULL, E_STORE);
	TRY(MEM_NEW(&work->out.survey));
	TRY(survey_run(work->service, work->out.survey));
	survey_tell(work->out.survey);
	distrust_consider(work->service, work->out.survey->verdict);
	return OK;
}

static void put_text(struct json_out *out, const char *name, const char *text)
{
	json_out_text(out, name, view_of_text(text));
}

static void put_mark(struct json_out *out, const char *name, const struct kms_mark *mark)
{
	char digest[2 * KMS_MARK_DIGEST_LEN + 1] = "";
	struct writer w;
	writer_init(&w, digest, sizeof digest);
	hex_encode(&w, VIEW_ARRAY(mark->digest));
	(void)!err_failed(writer_end_text(&w));
	json_out_begin_object(out, name);
	json_out_integer(out, "Epoch", (int64_t)mark->epoch);
	put_text(out, "Digest", digest);
	json_out_end_object(out);
}

static void put_finding(struct json_out *out, const struct kms_finding *finding)
{
	json_out_begin_object(out, NULL);
	put_text(out, "Kind", kms_finding_name(finding->kind));
	put_text(out, "Table", finding->table);
	if (finding->row[0] != '\0')
		put_text(out, "Row", finding->row);
	put_text(out, "Remedy", survey_remedy(finding->kind));
	json_out_end_object(out);
}

static void put_findings(struct json_out *out, const struct kms_survey *survey)
{
	size_t told = MIN_OF(survey->finding_count, (size_t)FINDINGS_TOLD_MAX);
	json_out_integer(out, "Found", (int64_t)survey->found);
	json_out_begin_array(out, "Findings");
	for (size_t i = 0; i < told; i++)
		put_finding(out, &survey->findings[i]);
	json_out_end_array(out);
	json_out_bool(out, "Truncated", survey->found > told);
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct kms_survey *survey = work->out.survey;
	struct survey_summary summary;
	survey_look(work->service, &summary);
	json_out_bool(out, "Ok", !err_failed(survey->verdict));
	if (err_failed(survey->verdict)) {
		put_text(out, "Error", err_name(survey->verdict));
		put_text(out, "Reason", err_meaning(survey->verdict));
		put_text(out, "Remedy", err_action(survey->verdict));
	}
	put_mark(out, "Manifest", &survey->mark);
	put_mark(out, "Anchor", &survey->anchor);
	json_out_integer(out, "Rows", (int64_t)survey->rows);
	put_findings(out, survey);
	json_out_integer(out, "TookMilliseconds", summary.took_ms);
}

const struct operation admin_verify_store = {
	.name = "VerifyStore",
	.door = CALL_DOOR_ADMIN,
	.read_only = true,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "holdfast:VerifyStore"}},
	.execute = execute,
	.encode = encode,
};
