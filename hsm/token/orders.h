/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor hands to its worker: descriptors with fixed numbers, and in one of them the
 * orders. The PIN is not among them; it comes through a pipe of its own.
 */
#ifndef HOLDFAST_HSM_TOKEN_ORDERS_H
#define HOLDFAST_HSM_TOKEN_ORDERS_H

#include <sys/types.h>

#include "base/log.h"
#include "config/settings.h"
#include "confine/confine.h"
#include "hsm/p11/local.h"

/* Descriptors of the worker, from 3 on without a gap. The lock is held for as long as either
 * process lives. */
enum orders_fd {
	ORDERS_FD_LISTEN = 3,
	ORDERS_FD_ORDERS,
	ORDERS_FD_PIN, /* a pipe that ends after the PIN; empty: no PIN */
	ORDERS_FD_PAGE,
	ORDERS_FD_LOCK,
	ORDERS_FD_END
};

#define ORDERS_USERS_MAX 32
#define ORDERS_PIN_MAX 256
#define ORDERS_MAGIC UINT32_C(0x48464f52)

struct orders {
	uint32_t magic;
	pid_t supervisor;
	bool has_pin;
	enum hsm_condition latched; /* HSM_UP: open the token; else only report this */
	struct err latched_error; /* `file` is not valid across processes: orders_read() drops it */
	enum log_form log_form;
	enum log_level log_level;
	char log_file[SETTINGS_TEXT_MAX];
	uint64_t log_file_bytes;
	uint32_t log_files_kept;
	char module[SETTINGS_TEXT_MAX];
	char uri[SETTINGS_TEXT_MAX];
	char module_parameters[SETTINGS_TEXT_MAX];
	enum hsm_suite suite;
	uint32_t lanes;
	uint64_t message_key_messages;
	uint64_t message_key_age_ms;
	uint32_t message_key_cache;
	uint32_t queue_max;
	uint32_t connections_max;
	enum confine_mode seccomp;
	char extra_syscalls[SETTINGS_TEXT_MAX];
	uint32_t user_count; /* 0: root and our own user */
	int64_t users[ORDERS_USERS_MAX];
};

/* Shared memory: written by the worker, read by the supervisor. */
struct orders_page {
	struct hsm_lane_watch watch;
	_Atomic uint32_t condition;  /* enum hsm_condition; 0: nothing said yet */
	_Atomic uint32_t error_code; /* enum err_code, why it is not UP */
	_Atomic uint32_t error_detail;
	_Atomic int64_t opening_since_ms; /* the token is being opened since; 0: it is not */
	_Atomic int64_t beat_ms;          /* the worker's thread was alive then */
	/* The other way, for a worker that runs while the settings are read again: */
	_Atomic uint32_t log_form;  /* enum log_form */
	_Atomic uint32_t log_level; /* enum log_level */
	_Atomic uint64_t log_file_bytes;
	_Atomic uint32_t log_files_kept;
};

/* From [token] and [log]. E_SETTINGS with a line for people. */
NODISCARD struct err orders_from_settings(const struct settings *settings, struct orders *out,
					  char message[SETTINGS_MESSAGE_MAX]);

/* A sealed memfd with the orders; *fd owned by the caller. */
NODISCARD struct err orders_write(const struct orders *orders, int *fd);

/* E_FORMAT when the descriptor holds no orders of this very program. */
NODISCARD struct err orders_read(int fd, struct orders *out);

/* The page: made by the supervisor (*fd owned by the caller), mapped by both for good. */
NODISCARD struct err orders_page_new(int *fd, struct orders_page **out);
NODISCARD struct err orders_page_map(int fd, struct orders_page **out);

#endif
