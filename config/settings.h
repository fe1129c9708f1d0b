/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings file (INI) as a struct. One table (settings.c) has a row per setting: section, name,
 * type, range and default; config/holdfast.conf documents every row and a test compares the two.
 * Read by the programs' main files alone, which hand option structs to everything else.
 */
#ifndef HOLDFAST_CONFIG_SETTINGS_H
#define HOLDFAST_CONFIG_SETTINGS_H

#include "base/err.h"

#define SETTINGS_TEXT_MAX 512
#define SETTINGS_PATH_DEFAULT "/etc/holdfast/holdfast.conf"

typedef char settings_text[SETTINGS_TEXT_MAX]; /* the one typedef: an array type with a name */

struct settings {
	struct {
		settings_text listen;                /* 127.0.0.1:4599; [::1]:4599 */
		int64_t connections_max;             /* 1024; 1..65536 */
		int64_t connections_per_address_max; /* 0: no bound of its own */
		int64_t idle_timeout_s; /* 60; 1..3600: kept-alive connections without a request */
		int64_t request_timeout_s; /* 20; 1..600: from the first byte to the last of a
					      request */
		int64_t threads;           /* 1; 1..64 */
	} server;
	struct {
		settings_text certificate;         /* PEM, with its chain; empty: plain HTTP */
		settings_text private_key;         /* PEM */
		settings_text client_ca;           /* PEM; empty */
		settings_text client_certificates; /* off, optional, required */
		settings_text minimum_version;     /* 1.2, 1.3 */
	} tls;
	struct {
		settings_text listen; /* empty: on the server's listener */
	} health;
	struct {
		settings_text listen; /* empty: on the health listener, if that has its own */
	} metrics;
	struct {
		settings_text socket;        /* /run/holdfast/admin.sock */
		settings_text allowed_users; /* names or uids, blank-separated, besides root and the
						service's own; empty */
	} admin;
	struct {
		settings_text path;             /* /var/lib/holdfast/holdfast.db */
		settings_text backup_directory; /* empty: the folder "backups" beside the store */
		settings_text installation;     /* id; empty: any */
		int64_t verify_hours;           /* 24; 0: at the start alone; 0..8760 */
	} store;
	struct {
		settings_text directory;     /* /var/lib/holdfast/audit */
		settings_text name;          /* main */
		settings_text also_lookup;   /* folders, blank-separated; empty */
		int64_t segment_mib;         /* 256; 1..4096 */
		int64_t segment_days;        /* 1; 0: by size alone; 0..36500 */
		int64_t sign_every_records;  /* 16; 1..1000000 */
		int64_t sign_every_ms;       /* 100; 10..3600000 */
		int64_t keep_days;           /* 0: for ever; 0..36500 */
		int64_t keep_mib;            /* 0: without bound; 0..1073741824 */
		int64_t warn_free_mib;       /* 1024; 0..1073741824 */
		settings_text sink;          /* none, syslog, journal */
		settings_text sink_socket;   /* empty: where the kind of sink listens */
		settings_text sink_ident;    /* holdfast-audit */
		settings_text sink_facility; /* authpriv; as in syslog(3) */
	} audit;
	struct {
		settings_text file;       /* of JSON lines; empty: no such sink */
		settings_text url;        /* http(s)://...; empty: no such sink */
		settings_text ca_file;    /* PEM; empty: the system's */
		settings_text token_file; /* empty: no bearer token */
		int64_t queue_max;        /* 10000; 1..50000 */
		int64_t timeout_s;        /* 10; 1..300: one request */
		settings_text spool;      /* /var/lib/holdfast/events.spool */
	} events;
	struct {
		int64_t blocking_threads; /* 4; 1..64 */
		int64_t calls_max;        /* 4096; 16..65536 */
		int64_t keys_cached_max;  /* 20000; 16..1000000 */
		int64_t drain_timeout_s;  /* 20; 0..600: SIGTERM waits for calls under way */
	} service;
	struct {
		int64_t managed_period_days; /* 1095; 1..36500: keys that services make */
		int64_t on_demand_max;       /* 25; 0..1000: for the life of a key */
	} rotation;
	struct {
		int64_t interval_ms;   /* 1000; 10..60000: between two looks at what is due */
		int64_t share_percent; /* 10; 1..100: of the time goes into due work */
	} scheduler;
	struct {
		settings_text socket; /* /run/holdfast/token.sock */
		settings_text user;   /* name or uid of the user that holdfast-token runs as; empty:
					 root or our own */
		int64_t timeout_ms;   /* 5000; 10..600000: one operation */
		int64_t direct_messages_max; /* 2147483648; 65536..4000000000: suite 3 */
		int64_t direct_block;        /* 65536; 16..16777216 */
		/* holdfast-token's own: */
		settings_text module;            /* absolute path of the PKCS#11 module */
		settings_text uri;               /* pkcs11:token=holdfast */
		settings_text module_parameters; /* empty */
		settings_text pin_source; /* file:/etc/holdfast/pin, fd:3, credential:NAME; empty:
					     no login */
		settings_text
			daemon_users; /* names or uids that may connect; empty: root or our own */
		settings_text
			state_directory; /* /var/lib/holdfast-token: copies of token.object, lock */
		settings_text suite;     /* auto, 1, 2, 3 */
		int64_t lanes;           /* 0: what suits the token; 0..64 */
		int64_t message_key_messages; /* 268435456; 1..268435456 */
		int64_t message_key_age_s;    /* 86400; 1..86400 */
		int64_t message_key_cache;    /* 1024; 1..65536 */
		int64_t connections_max;      /* 64; 1..1024 */
		int64_t queue_max;            /* 4096; 16..65536 */
		settings_text log_file;       /* empty: standard error */
		int64_t hang_ms; /* 2000; 100..60000: past a deadline, then the worker is replaced
				  */
		settings_text extra_syscalls; /* names, blank-separated; empty */
	} token;
	struct {
		settings_text seccomp; /* enforce; log, off: system calls outside the list */
	} sandbox;
	struct {
		settings_text file; /* empty: standard error; holdfastd's */
		int64_t file_mib;   /* 64; 0..4096; 0: no rotation by size */
		int64_t files_kept; /* 10; 0..1000 */
		settings_text
			form; /* text, journal, json, auto: journal under systemd, else text */
		settings_text level; /* info: error, warning, info, debug */
	} log;
};

#define SETTINGS_MESSAGE_MAX 1024

/* Every default. */
void settings_defaults(struct settings *out);

/*
 * Reads `path` over the defaults. E_SETTINGS with, in `message`, a line for people: "<path>:<line>:
 * <what>, <what to do>": unknown section or name, doubled setting, value out of range, line too
 * long, unreadable file, file writable by others. *out is then the defaults.
 */
NODISCARD struct err settings_read(const char *path, struct settings *out,
				   char message[SETTINGS_MESSAGE_MAX]);

/* The same for text in memory; `name` stands for the path in messages. */
NODISCARD struct err settings_parse(const char *name, const char *text, size_t len,
				    struct settings *out, char message[SETTINGS_MESSAGE_MAX]);

/* "name or uid" to a uid. E_SETTINGS when there is no such user. */
NODISCARD struct err settings_user(const char *text, int64_t *uid);

#endif
