/* SPDX-License-Identifier: Apache-2.0 */
/* hsm.h on a PKCS#11 module in this process: opening, submitting, status, closing. */
#include "hsm/p11/local.h"

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "hsm/p11/lane.h"
#include "hsm/p11/warden.h"

static struct err init_locks(struct hsm *hsm)
{
	pthread_condattr_t monotonic;
	int failed =
		pthread_rwlock_init(&hsm->gate, NULL) || pthread_mutex_init(&hsm->admin, NULL) ||
		pthread_mutex_init(&hsm->lock, NULL) || pthread_cond_init(&hsm->work.grown, NULL) ||
		pthread_cond_init(&hsm->admin_work.grown, NULL) ||
		pthread_condattr_init(&monotonic) ||
		pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) ||
		pthread_cond_init(&hsm->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	return failed ? ERR(E_SYSTEM) : OK;
}

static struct err take_options(struct hsm *hsm, const struct hsm_local_options *o)
{
	REQUIRE(o->clock != NULL && o->suite <= HSM_SUITE_DIRECT, E_SETTINGS);
	REQUIRE(o->lanes <= P11_LANES_MAX, E_SETTINGS);
	hsm->clock = o->clock;
	hsm->watch = o->watch;
	hsm->pinned = o->suite;
	hsm->lane_count = o->lanes;
	hsm->queue_max = o->queue_max ? o->queue_max : P11_QUEUE_DEFAULT;
	hsm->login = (struct p11_login){.pin = o->pin, .watch = o->watch};
	hsm->keys.funnel = &hsm->module.funnel;
	hsm->keys.clock = o->clock;
	hsm->keys.messages_max = o->message_key_messages;
	hsm->keys.age_max_ms = o->message_key_age_ms;
	hsm->keys.cache_max = o->message_key_cache;
	hsm->condition = HSM_CONNECTING;
	return OK;
}

static struct err start(struct hsm *hsm, const struct hsm_local_options *options)
{
	TRY(p11_softhsm_init(&hsm->softhsm, options->module_path));
	TRY(p11_module_set_uri(&hsm->module, options->uri));
	TRY(p11_warden_bring_up(hsm));
	if (hsm->lane_count == 0)
		hsm->lane_count = hsm->row->lanes;
	hsm->condition = HSM_UP;
	TRY(p11_lanes_start(hsm));
	return p11_warden_start(hsm);
}

NODISCARD struct err hsm_local_open(const struct hsm_local_options *options, struct hsm **out)
{
	*out = NULL;
	CLEANUP(hsm_close) struct hsm *hsm = NULL;
	TRY(MEM_NEW(&hsm));
	TRY(init_locks(hsm));
	TRY(p11_objects_init(&hsm->objects));
	TRY(take_options(hsm, options));
	TRY(p11_message_keys_init(&hsm->keys));
	TRY(p11_module_init(&hsm->module, options->module_path, options->module_parameters));
	hsm->module.funnel.figures = options->watch ? &options->watch->figures : NULL;
	TRY(start(hsm, options));
	*out = TAKE(hsm);
	return OK;
}

void hsm_submit(struct hsm *hsm, struct hsm_op *op)
{
	struct err e = op->deadline_ms > 0 ? p11_lanes_push(hsm, op) : ERR(E_BOUNDS);
	if (err_failed(e))
		op->done(op, e);
}

/* Names are written by the warden behind the gate; a reader that would have to wait goes without.
 */
static void copy_names(struct hsm *hsm, struct hsm_status *out)
{
	if (pthread_rwlock_tryrdlock(&hsm->gate) != 0)
		return;
	const struct p11_token_names *names = &hsm->module.names;
	mem_copy(out->manufacturer, sizeof(out->manufacturer), names->manufacturer,
		 sizeof(names->manufacturer));
	mem_copy(out->model, sizeof(out->model), names->model, sizeof(names->model));
	mem_copy(out->serial, sizeof(out->serial), names->serial, sizeof(names->serial));
	mem_copy(out->token_label, sizeof(out->token_label), names->label, sizeof(names->label));
	out->suite = hsm->suite;
	(void)pthread_rwlock_unlock(&hsm->gate);
}

void hsm_status(struct hsm *hsm, struct hsm_status *out)
{
	mem_zero(out, sizeof(*out));
	copy_names(hsm, out);
	LOCK_SCOPE(&hsm->lock);
	out->condition = hsm->condition;
	out->last_error = hsm->condition == HSM_UP ? OK : hsm->last_error;
	out->lanes = hsm->lane_count;
	out->generation = hsm->generation;
	out->operations = hsm->operations;
	out->failures = hsm->failures;
}

static void announce_closing(struct hsm *hsm)
{
	LOCK_SCOPE(&hsm->lock);
	hsm->closing = true;
	(void)pthread_cond_broadcast(&hsm->work.grown);
	(void)pthread_cond_broadcast(&hsm->admin_work.grown);
	(void)pthread_cond_broadcast(&hsm->changed);
}

void hsm_close(struct hsm **hsm)
{
	struct hsm *gone = TAKE(*hsm);
	if (gone == NULL)
		return;
	announce_closing(gone);
	p11_lanes_stop(gone);
	p11_warden_stop(gone);
	p11_warden_take_down(gone);
	p11_message_keys_cleanup(&gone->keys);
	p11_objects_cleanup(&gone->objects);
	p11_module_cleanup(&gone->module);
	p11_softhsm_cleanup(&gone->softhsm);
	(void)pthread_cond_destroy(&gone->work.grown);
	(void)pthread_cond_destroy(&gone->admin_work.grown);
	(void)pthread_cond_destroy(&gone->changed);
	(void)pthread_mutex_destroy(&gone->lock);
	(void)pthread_mutex_destroy(&gone->admin);
	(void)pthread_rwlock_destroy(&gone->gate);
	mem_free(gone);
}
