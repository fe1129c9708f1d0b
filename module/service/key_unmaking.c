/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_unmaking.h"

#include "base/text.h"
#include "codec/json.h"
#include "codec/timestamp.h"
#include "service/aliases.h"
#include "service/core.h"
#include "service/grants.h"
#include "service/key_facts.h"
#include "service/key_metadata.h"
#include "service/keyring.h"

/* Versions that a record names one by one, the oldest. A hundred years of rotations at the shortest
 * period are more; KMS_VERSIONS_MAX would not fit into AUDIT_RECORD_MAX. */
#define NAMED_MAX 512
#define VERSION_BYTES_MAX 160 /* of one in the record */
#define DETAILS_MAX (NAMED_MAX * VERSION_BYTES_MAX + 1024)

_Static_assert(DETAILS_MAX + 8192 <= KMS_RECORD_MAX, "every deletion has its record");

NODISCARD struct err key_unmaking_destroy(struct service *service,
					  const struct kms_version *version)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_DESTROY, .object = {.id = version->token_id}};
	TRY(kms_version_label(service->options.installation.id, &version->key_id, version->number,
			      op.object.label));
	struct err e = service_token_call(service, &op);
	return err_is(e, E_HSM_KEY_UNKNOWN) ? OK : e;
}

void key_unmaking_forget(struct service *service, const struct kms_key_id *key_id)
{
	keyring_drop(service->keyring, key_id);
	key_facts_drop(service->key_facts, key_id);
	grants_drop(service->grants, key_id);
	aliases_drop_all(service->aliases);
}

void key_unmaking_record_cleanup(struct key_unmaking_record *record)
{
	service_event_cleanup(&record->line);
	buf_cleanup(&record->details);
}

static void write_version(const struct kms_version *version, struct json_out *out)
{
	char made[TIMESTAMP_ISO_TEXT];
	timestamp_iso(version->created_ms, false, made);
	json_out_begin_object(out, NULL);
	json_out_integer(out, "version", version->number);
	key_metadata_material(version->material_id, "keyMaterialId", out);
	json_out_text(out, "creationDate", view_of_text(made));
	json_out_end_object(out);
}

/* Versions that the record tells, and of those the ones that it does not name. */
struct tally {
	size_t told, unnamed;
	uint32_t first_unnamed, last_unnamed;
};

static void write_versions(const struct kms_version *versions, size_t count, struct json_out *out,
			   struct tally *tally)
{
	json_out_begin_array(out, "keyMaterials");
	for (size_t i = 0; i < count; i++) {
		const struct kms_version *version = &versions[i];
		if (version->material == KMS_MATERIAL_GONE)
			continue;
		if (tally->told++ < NAMED_MAX) {
			write_version(version, out);
			continue;
		}
		if (tally->unnamed++ == 0)
			tally->first_unnamed = version->number;
		tally->last_unnamed = version->number;
	}
	json_out_end_array(out);
}

static void write_unnamed(const struct tally *tally, struct json_out *out)
{
	json_out_begin_object(out, "furtherKeyMaterials");
	json_out_integer(out, "count", (int64_t)tally->unnamed);
	json_out_integer(out, "firstVersion", tally->first_unnamed);
	json_out_integer(out, "lastVersion", tally->last_unnamed);
	json_out_end_object(out);
}

static struct err write_details(const struct kms_key *key, const struct kms_version *versions,
				size_t count, struct buf *out)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct tally tally = {0};
	struct json_out json;
	struct writer w;
	kms_key_id_format(&key->id, id);
	buf_init(out, DETAILS_MAX);
	writer_init_buf(&w, out);
	json_out_init(&json, &w);
	json_out_begin_object(&json, NULL);
	json_out_text(&json, "keyId", view_of_text(id));
	write_versions(versions, count, &json, &tally);
	if (tally.unnamed > 0)
		write_unnamed(&tally, &json);
	json_out_integer(&json, "keyMaterialCount", (int64_t)tally.told);
	json_out_end_object(&json);
	TRY(json_out_end(&json));
	return writer_end(&w);
}

NODISCARD struct err key_unmaking_write(const struct kms_key *key,
					const struct kms_version *versions, size_t count,
					struct key_unmaking_record *record)
{
	char arn[KMS_KEY_ARN_TEXT];
	kms_key_arn_format(&key->scope, &key->id, arn);
	TRY(text_format(record->response, sizeof record->response, "\"keyId\":\"%s\"", arn));
	buf_cleanup(&record->details);
	TRY(write_details(key, versions, count, &record->details));
	record->event.scope = &key->scope;
	record->event.key_id = &key->id;
	record->event.response_members = view_of_text(record->response);
	/* Members, without the braces around them. */
	record->event.detail_members =
		view_part(buf_view(&record->details), 1, record->details.len - 2);
	return service_event_write(&record->event, &record->line);
}
