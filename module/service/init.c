/* SPDX-License-Identifier: Apache-2.0 */
/* service_init(): what `holdfastd --init` makes. Opening what is there: opening.c. */
#include "service/init.h"

#include "auth/managed.h"
#include "base/entropy.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/hex.h"
#include "service/credentials.h"
#include "service/drawing.h"
#include "service/service.h"

#define SECRET_KEY_BYTES 30 /* 40 characters of Base64 */

/* --- the row --- */

static struct err choose_ids(struct kms_installation *out)
{
	uint8_t id[KMS_INSTALLATION_LEN / 2];
	TRY(entropy_fill(id, sizeof id));
	struct writer w;
	writer_init(&w, out->id, sizeof out->id);
	hex_encode(&w, VIEW_ARRAY(id));
	TRY(writer_end_text(&w));
	TRY(entropy_fill(out->row_seal.bytes, sizeof out->row_seal.bytes));
	TRY(entropy_fill(out->audit_sign.bytes, sizeof out->audit_sign.bytes));
	return entropy_fill(out->secret_wrap.bytes, sizeof out->secret_wrap.bytes);
}

static struct err choose_scope(const struct service_init_options *options, struct kms_scope *out)
{
	TRY(text_copy(out->partition, sizeof out->partition, view_of_text(options->partition)));
	TRY(text_copy(out->region, sizeof out->region, view_of_text(options->region)));
	return text_copy(out->account, sizeof out->account, view_of_text(options->account));
}

static struct err make_row(const struct service_init_options *options, struct kms_installation *out)
{
	struct hsm_status token;
	hsm_status(options->hsm, &token);
	REQUIRE(token.condition == HSM_UP && token.suite != HSM_SUITE_NONE, E_HSM_AWAY);
	*out = (struct kms_installation){.secret_wrap_suite = token.suite,
					 .created_ms = clock_real_ms(options->clock)};
	TRY(choose_ids(out));
	TRY(choose_scope(options, &out->scope));
	TRY(text_copy(out->token_serial, sizeof out->token_serial, view_of_text(token.serial)));
	return options->installation.save(options->installation.self, out);
}

/* An interrupted run's row is taken up again, with the names that it chose. */
static struct err resume_row(const struct service_init_options *options,
			     struct kms_installation *row)
{
	REQUIRE(!row->ready, E_ALREADY_INITIALISED);
	TRY(init_check_token(options->hsm, row));
	return choose_scope(options, &row->scope);
}

/* Any operation waits for a token that is still starting; what hsm_status() says holds after it. */
static struct err await_token(const struct service_init_options *options)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {
		.verb = HSM_RANDOM, .deadline_ms = init_deadline_ms(options->clock), .length = 1};
	return hsm_call(options->hsm, &op);
}

static struct err begin_row(const struct service_init_options *options,
			    struct kms_installation *row)
{
	TRY(await_token(options));
	struct err e = options->installation.load(options->installation.self, row);
	if (err_is(e, E_NOT_FOUND))
		return make_row(options, row);
	TRY(e);
	return resume_row(options, row);
}

/* --- the keys on the token --- */

static struct err generate(const struct service_init_options *options,
			   const struct hsm_object *wanted)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_GENERATE,
			    .deadline_ms = init_deadline_ms(options->clock),
			    .object = *wanted};
	struct err e = hsm_call(options->hsm, &op);
	return err_is(e, E_HSM_KEY_EXISTS) ? OK : e;
}

static struct err make_key(const struct service_init_options *options,
			   const struct kms_installation *row, size_t which)
{
	struct hsm_object wanted;
	TRY(init_key(row, which, &wanted));
	struct err e = init_check_key(options->hsm, options->clock, &wanted);
	if (!err_is(e, E_HSM_KEY_UNKNOWN))
		return e;
	TRY(generate(options, &wanted));
	return init_check_key(options->hsm, options->clock, &wanted);
}

static struct err make_keys(const struct service_init_options *options,
			    const struct kms_installation *row)
{
	for (size_t i = 0; i < INIT_KEYS; i++)
		TRY(make_key(options, row, i));
	options->sealer->key = row->row_seal;
	return OK;
}

/* --- the account and its administrator --- */

static struct err make_identity(const struct service_init_options *options,
				enum auth_identity_kind kind, const char *name,
				const struct auth_details *details, struct auth_identity *out)
{
	CLEANUP(auth_identity_cleanup)
	struct auth_identity identity = {
		.kind = kind, .created_ms = clock_real_ms(options->clock), .revision = 1};
	TRY(text_copy(identity.account, sizeof identity.account, view_of_text(options->account)));
	TRY(text_copy(identity.name, sizeof identity.name, view_of_text(name)));
	TRY(auth_arn_format(kind, options->partition, options->account, name, identity.arn));
	TRY(auth_details_write(details, &identity.document));
	if (kind == AUTH_KIND_ACCOUNT)
		TRY(text_copy(identity.id, sizeof identity.id, view_of_text(name)));
	else
		TRY(drawing_id("AIDA", AUTH_PRINCIPAL_ID_LEN, identity.id));
	TRY(options->identities.create(options->identities.self, &identity, NULL));
	*out = identity;
	identity.document = NULL;
	return OK;
}

static struct err make_account(const struct service_init_options *options)
{
	CLEANUP(auth_identity_cleanup) struct auth_identity account = {0};
	const struct auth_details details = {.description = (char[]){""}};
	return make_identity(options, AUTH_KIND_ACCOUNT, options->account, &details, &account);
}

/* A user, to whom AdministratorAccess is attached. */
static struct err make_administrator(const struct service_init_options *options,
				     struct auth_principal *out)
{
	char arn[AUTH_ARN_MAX + 1];
	CLEANUP(auth_identity_cleanup) struct auth_identity user = {0};
	const struct auth_details details = {
		.description = (char[]){""}, .attached = (char *[]){arn}, .attached_count = 1};
	TRY(auth_managed_arn_format(options->partition, AUTH_MANAGED_ADMINISTRATOR, arn));
	TRY(make_identity(options, AUTH_KIND_USER, options->administrator, &details, &user));
	*out = (struct auth_principal){.type = AUTH_USER};
	TRY(text_copy(out->account, sizeof out->account, view_of_text(user.account)));
	TRY(text_copy(out->name, sizeof out->name, view_of_text(user.name)));
	TRY(text_copy(out->arn, sizeof out->arn, view_of_text(user.arn)));
	return text_copy(out->id, sizeof out->id, view_of_text(user.id));
}

/* Its access key. */
static struct err make_access_key(const struct service_init_options *options,
				  const struct kms_installation *row, struct auth_access_key *key,
				  struct secret **secret_key)
{
	const struct credentials_options wrapping = {.hsm = options->hsm,
						     .identities = options->identities,
						     .installation = *row,
						     .token_timeout_ms = INIT_TIMEOUT_MS,
						     .clock = options->clock};
	CLEANUP(secret_free) struct secret *drawn = NULL;
	key->status = AUTH_KEY_ACTIVE;
	key->created_ms = clock_real_ms(options->clock);
	TRY(drawing_id("AKIA", AUTH_ACCESS_KEY_ID_LEN, key->principal.access_key_id));
	TRY(drawing_secret(options->hsm, init_deadline_ms(options->clock), SECRET_KEY_BYTES,
			   &drawn));
	TRY(credentials_wrap(&wrapping, drawn, key));
	TRY(options->identities.access_key_add(options->identities.self, key, NULL));
	*secret_key = TAKE(drawn);
	return OK;
}

/* Whatever an interrupted run made of them is made anew: nobody has its credentials. */
static struct err make_identities(const struct service_init_options *options,
				  const struct kms_installation *row, struct auth_access_key *key,
				  struct secret **secret_key)
{
	*key = (struct auth_access_key){0};
	TRY(options->identities.clear(options->identities.self));
	TRY(make_account(options));
	TRY(make_administrator(options, &key->principal));
	return make_access_key(options, row, key, secret_key);
}

NODISCARD struct err service_init(const struct service_init_options *options,
				  struct kms_installation *installation)
{
	struct kms_installation row;
	TRY(begin_row(options, &row));
	TRY(make_keys(options, &row));
	CLEANUP(secret_free) struct secret *secret_key = NULL;
	struct auth_access_key key;
	TRY(make_identities(options, &row, &key, &secret_key));
	TRY(options->keep(options->user, key.principal.access_key_id, secret_key));
	row.ready = true;
	TRY(options->installation.save(options->installation.self, &row));
	/* Where this is interrupted, the first start makes it. */
	if (options->manifest.ops != NULL)
		TRY(options->manifest.ops->begin(options->manifest.self));
	*installation = row;
	return OK;
}
