/* SPDX-License-Identifier: Apache-2.0 */
/* The token through a PKCS#11 module in this process. Operations: hsm.h. */
#ifndef HOLDFAST_HSM_P11_LOCAL_H
#define HOLDFAST_HSM_P11_LOCAL_H

#include "hsm/figures.h"

/*
 * Written by lanes, read by the supervisor (it lies in shared memory): which operation each lane is
 * in. An operation whose deadline is long past while its lane has not moved means that the module
 * hangs.
 */
#define HSM_LANES_MAX 64
struct hsm_lane_watch {
	_Atomic int64_t deadline_ms[HSM_LANES_MAX]; /* clock_steady_ms(); 0: idle */
	_Atomic uint32_t pin_refused; /* the token refused the PIN: do not try again */
	_Atomic uint64_t operations;
	_Atomic uint64_t failures;
	/* Of the operation in each lane: the request that it is for. Read when the lane hangs, and
	 * it does not change then; else it may be torn. */
	struct log_request requests[HSM_LANES_MAX];
	struct hsm_figures figures;
};

struct hsm_local_options {
	const char *module_path; /* absolute; the vendor's library */
	const char *uri; /* RFC 7512: token=, serial=, manufacturer=, model=; exactly one token must
			    match */
	const char *module_parameters; /* for modules that take a string in C_Initialize (NSS), or
					  NULL */
	const struct secret *pin;      /* borrowed while open; NULL: a token without login */
	enum hsm_suite
		suite;  /* pinned, or HSM_SUITE_NONE: the first that the probe accepts, 1, 2, 3 */
	uint32_t lanes; /* 0: the token's capability row */
	uint64_t message_key_messages; /* 0: 2^28; most messages under one message key */
	uint64_t message_key_age_ms;   /* 0: 24 h */
	uint32_t message_key_cache;    /* 0: 1024; message keys kept for opening */
	uint32_t queue_max;            /* 0: 4096; operations waiting for a lane; more: E_BUSY */
	struct hsm_lane_watch *watch;  /* or NULL */
	const struct clock *clock;
};

/*
 * Loads the module, finds the token, logs in, probes it by doing, enumerates its keys and starts
 * the lanes; *out is owned by the caller, hsm_close(). Blocks (seconds on a large token). Fails
 * with E_HSM_AWAY (no such token, or more than one: see the log), E_HSM_PIN (never tried twice),
 * E_HSM_UNSAFE (a probe failed), E_SETTINGS (module or URI).
 */
NODISCARD struct err hsm_local_open(const struct hsm_local_options *options, struct hsm **out);

/* Makes a new token in a slot that holds none, or finishes one that was begun: for
 * `holdfast-token --init-token` and tests.
 */
NODISCARD struct err hsm_local_init_token(const char *module_path, const char *label,
					  const struct secret *so_pin, const struct secret *pin);

/*
 * Changing the user PIN, for `holdfast-token --change-pin` while nobody uses the token. Each call
 * starts the module, does one thing and stops it. All borrowed during the call. They block.
 */
struct hsm_local_pin_options {
	const char *module_path, *uri;
	const char *module_parameters; /* or NULL */
};

/* Bytes that the token takes for a PIN. E_HSM_AWAY, E_SETTINGS. */
NODISCARD struct err hsm_local_pin_limits(const struct hsm_local_pin_options *options, size_t *min,
					  size_t *max);

/*
 * Puts `fresh` in the place of `old`; both are on the token's disk then. E_HSM_PIN: the token
 * refused one of the two (detail: CKR_PIN_INCORRECT the old one; CKR_PIN_LEN_RANGE and others the
 * new one), or it is locked or one more failure would lock it (CKR_PIN_LOCKED); it has not changed.
 * Any other error, and a process that dies in here: it has changed, or not; ask with
 * hsm_local_pin_try().
 */
NODISCARD struct err hsm_local_pin_set(const struct hsm_local_pin_options *options,
				       const struct secret *old, const struct secret *fresh);

/* One login with this PIN. E_HSM_PIN: CKR_PIN_INCORRECT when it was refused, CKR_PIN_LOCKED when
 * the token is locked, or was not asked as one more failure would lock it: that says nothing of the
 * PIN. */
NODISCARD struct err hsm_local_pin_try(const struct hsm_local_pin_options *options,
				       const struct secret *pin);

#endif
