/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/module.h"

#include <p11-kit/p11-kit.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

NODISCARD struct err p11_module_init(struct p11_module *module, const char *path,
				     const char *parameters)
{
	REQUIRE(path != NULL && path[0] == '/', E_SETTINGS);
	TRY(text_new(view_of_text(path), &module->path));
	if (parameters != NULL)
		TRY(text_new(view_of_text(parameters), &module->parameters));
	/* Unmanaged: p11-kit's own wrapper would hold a lock around every session call. */
	module->funnel.list = p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED);
	if (module->funnel.list == NULL) {
		log_event(LOG_ERROR, "token.module_not_loaded", LOG_TEXT("module", path),
			  LOG_TEXT("why", p11_kit_message()));
		return ERR(E_SETTINGS);
	}
	return OK;
}

/* What a URI may not carry: the module comes from the settings, the PIN from its own source. */
static bool uri_is_plain(P11KitUri *uri)
{
	CK_ULONG attributes = 0;
	(void)p11_kit_uri_get_attributes(uri, &attributes);
	return attributes == 0 && !p11_kit_uri_any_unrecognized(uri) &&
	       p11_kit_uri_get_module_path(uri) == NULL &&
	       p11_kit_uri_get_module_name(uri) == NULL && p11_kit_uri_get_pin_value(uri) == NULL &&
	       p11_kit_uri_get_pin_source(uri) == NULL &&
	       p11_kit_uri_get_slot_id(uri) == (CK_SLOT_ID)-1;
}

NODISCARD struct err p11_module_set_uri(struct p11_module *module, const char *uri)
{
	REQUIRE(uri != NULL, E_SETTINGS);
	module->uri = p11_kit_uri_new();
	REQUIRE(module->uri != NULL, E_NOMEM);
	int result = p11_kit_uri_parse(uri, P11_KIT_URI_FOR_ANY, module->uri);
	if (result != P11_KIT_URI_OK || !uri_is_plain(module->uri)) {
		log_event(LOG_ERROR, "token.uri_refused",
			  LOG_TEXT("why", result == P11_KIT_URI_OK
						  ? "only token, serial, manufacturer and model"
						  : p11_kit_uri_message(result)));
		return ERR(E_SETTINGS);
	}
	return OK;
}

/*
 * NSS lays a member of its own, a parameter string, where the standard has pReserved, and pReserved
 * behind it; with a NULL there the same structure serves both.
 */
struct initialize_args {
	CK_C_INITIALIZE_ARGS standard;
	void *behind;
};

NODISCARD struct err p11_module_start(struct p11_module *module)
{
	struct initialize_args args = {
		.standard = {.flags = CKF_OS_LOCKING_OK, .pReserved = module->parameters}};
	if (!module->started)
		TRY(P11_CALL(&module->funnel, C_Initialize, &args));
	module->started = true;
	CK_INFO info = {0};
	TRY(P11_CALL(&module->funnel, C_GetInfo, &info));
	module->library_version = info.libraryVersion;
	module->cryptoki_version = info.cryptokiVersion;
	size_t len = p11_kit_space_strlen(info.libraryDescription, sizeof(info.libraryDescription));
	return text_copy(module->library, sizeof(module->library),
			 view_of(info.libraryDescription, len));
}

void p11_module_stop(struct p11_module *module)
{
	if (!module->started)
		return;
	/* One that cannot end is still started: to start it once more would fail for ever. */
	struct err e = P11_CALL(&module->funnel, C_Finalize, NULL);
	module->started = err_failed(e) && e.detail != CKR_CRYPTOKI_NOT_INITIALIZED;
}

static void copy_padded(char *dst, size_t cap, const CK_UTF8CHAR *src, size_t n)
{
	if (err_failed(text_copy(dst, cap, view_of(src, p11_kit_space_strlen(src, n)))))
		dst[0] = '\0'; /* a NUL inside: then it has no name to go by */
}

static struct p11_token_names names_of(const CK_TOKEN_INFO *info)
{
	struct p11_token_names n = {0};
	copy_padded(n.label, sizeof(n.label), info->label, sizeof(info->label));
	copy_padded(n.manufacturer, sizeof(n.manufacturer), info->manufacturerID,
		    sizeof(info->manufacturerID));
	copy_padded(n.model, sizeof(n.model), info->model, sizeof(info->model));
	copy_padded(n.serial, sizeof(n.serial), info->serialNumber, sizeof(info->serialNumber));
	return n;
}

struct candidates {
	size_t count;
	CK_SLOT_ID slot;
	CK_TOKEN_INFO info;
};

static void consider(struct p11_module *module, CK_SLOT_ID slot, struct candidates *found)
{
	CK_TOKEN_INFO info = {0};
	if (err_failed(P11_CALL(&module->funnel, C_GetTokenInfo, slot, &info)))
		return;
	if ((info.flags & CKF_TOKEN_INITIALIZED) == 0 ||
	    !p11_kit_uri_match_token_info(module->uri, &info))
		return;
	found->count++;
	found->slot = slot;
	found->info = info;
}

static struct err search(struct p11_module *module, struct candidates *found)
{
	CK_SLOT_ID slots[P11_SLOTS_MAX];
	CK_ULONG count = P11_SLOTS_MAX;
	TRY(P11_CALL(&module->funnel, C_GetSlotList, CK_TRUE, slots, &count));
	for (CK_ULONG i = 0; i < count && i < P11_SLOTS_MAX; i++)
		consider(module, slots[i], found);
	return OK;
}

/* What cannot be said in the room that there is, is left out. */
static void say_who_answers(struct p11_module *module, const CK_TOKEN_INFO *info)
{
	struct err e = text_format(module->answered_by, sizeof module->answered_by,
				   "%s %u.%u (PKCS#11 %u.%u); token hardware %u.%u, firmware %u.%u",
				   module->library, module->library_version.major,
				   module->library_version.minor, module->cryptoki_version.major,
				   module->cryptoki_version.minor, info->hardwareVersion.major,
				   info->hardwareVersion.minor, info->firmwareVersion.major,
				   info->firmwareVersion.minor);
	if (err_failed(e))
		module->answered_by[0] = '\0';
}

NODISCARD struct err p11_module_find_token(struct p11_module *module)
{
	struct candidates found = {0};
	TRY(search(module, &found));
	if (found.count != 1) {
		log_event(LOG_ERROR, found.count ? "token.ambiguous" : "token.not_found",
			  LOG_NUMBER("matching", found.count));
		return ERR(E_HSM_AWAY);
	}
	struct p11_token_names names = names_of(&found.info);
	if (module->names.serial[0] != '\0' && !text_equal(module->names.serial, names.serial))
		return ERR(E_HSM_TOKEN_CHANGED);
	module->slot = found.slot;
	module->token_flags = found.info.flags;
	module->names = names;
	say_who_answers(module, &found.info);
	return OK;
}

NODISCARD struct err p11_module_check_token(struct p11_module *module)
{
	CK_TOKEN_INFO info = {0};
	TRY(P11_CALL(&module->funnel, C_GetTokenInfo, module->slot, &info));
	struct p11_token_names names = names_of(&info);
	REQUIRE(text_equal(names.serial, module->names.serial), E_HSM_TOKEN_CHANGED);
	return OK;
}

void p11_module_cleanup(struct p11_module *module)
{
	p11_module_stop(module);
	if (module->funnel.list != NULL)
		p11_kit_module_release(TAKE(module->funnel.list));
	if (module->uri != NULL)
		p11_kit_uri_free(TAKE(module->uri));
	mem_free(TAKE(module->path));
	mem_free(TAKE(module->parameters));
}
