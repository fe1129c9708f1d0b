/* SPDX-License-Identifier: Apache-2.0 */
/* One row per setting. config/holdfast.conf explains each to the operator; a unit test compares. */
#include "config/table.h"

#include <stddef.h>

#define TEXT_MAX (SETTINGS_TEXT_MAX - 1)
#define SOCKET_MAX 107 /* sun_path of unix(7), without its NUL */

#define AT(section_, name_) #section_, #name_
#define IN(section_, name_) offsetof(struct settings, section_.name_)

/* A row as its macro's arguments have it; `..._LIVE`: SIGHUP applies it. */
#define INTEGER_ROW(section_, name_, min_, max_, initial_, meaning_, reload_)                     \
	{                                                                                         \
		AT(section_, name_), SETTING_INTEGER, IN(section_, name_), min_, max_, #initial_, \
			NULL, meaning_, reload_                                                   \
	}
#define TEXT_ROW(section_, name_, type_, min_, max_, initial_, meaning_, reload_)            \
	{                                                                                    \
		AT(section_, name_), type_, IN(section_, name_), min_, max_, initial_, NULL, \
			meaning_, reload_                                                    \
	}
#define CHOICE_ROW(section_, name_, choices_, initial_, meaning_, reload_)                       \
	{                                                                                        \
		AT(section_, name_), SETTING_CHOICE, IN(section_, name_), 1, TEXT_MAX, initial_, \
			choices_, meaning_, reload_                                              \
	}
#define INTEGER(...) INTEGER_ROW(__VA_ARGS__, false)
#define INTEGER_LIVE(...) INTEGER_ROW(__VA_ARGS__, true)
#define TEXT(...) TEXT_ROW(__VA_ARGS__, false)
#define TEXT_LIVE(...) TEXT_ROW(__VA_ARGS__, true)
#define CHOICE(...) CHOICE_ROW(__VA_ARGS__, false)
#define CHOICE_LIVE(...) CHOICE_ROW(__VA_ARGS__, true)

/* clang-format off */
const struct setting settings_table[] = {
	TEXT(server, listen, SETTING_LISTEN, 1, TEXT_MAX, "127.0.0.1:4599",
	     "address and port of the AWS KMS endpoint"),
	INTEGER_LIVE(server, connections_max, 1, 65536, 1024, "client connections at once"),
	INTEGER(server, connections_per_address_max, 0, 65536, 0,
		"client connections at once from one address; 0: as many as connections_max"),
	INTEGER_LIVE(server, idle_timeout_s, 1, 3600, 60,
		"seconds a connection may stay without a request"),
	INTEGER_LIVE(server, request_timeout_s, 1, 600, 20,
		"seconds from a request's first byte to its last"),
	INTEGER(server, threads, 1, 64, 1, "threads that serve connections"),

	TEXT(tls, certificate, SETTING_PATH, 0, TEXT_MAX, "",
	     "PEM file of the certificate and its chain; empty: plain HTTP"),
	TEXT(tls, private_key, SETTING_PATH, 0, TEXT_MAX, "", "PEM file of the certificate's key"),
	TEXT(tls, client_ca, SETTING_PATH, 0, TEXT_MAX, "",
	     "PEM file of the authorities whose client certificates are taken"),
	CHOICE(tls, client_certificates, "off optional required", "off",
	       "whether clients show a certificate"),
	CHOICE(tls, minimum_version, "1.2 1.3", "1.2", "oldest version of TLS that is spoken"),

	TEXT(health, listen, SETTING_LISTEN, 0, TEXT_MAX, "",
	     "address and port of /healthz and /readyz"),

	TEXT(metrics, listen, SETTING_LISTEN, 0, TEXT_MAX, "",
	     "address and port of /metrics"),

	TEXT(admin, socket, SETTING_PATH, 1, SOCKET_MAX, "/run/holdfast/admin.sock",
	     "socket of the holdfast command"),
	TEXT_LIVE(admin, allowed_users, SETTING_USERS, 0, TEXT_MAX, "",
	     "who may use the admin socket besides root and the service's own user"),

	TEXT(store, path, SETTING_PATH, 1, TEXT_MAX, "/var/lib/holdfast/holdfast.db",
	     "the metadata database"),
	TEXT(store, backup_directory, SETTING_PATH, 0, TEXT_MAX, "",
	     "folder of holdfast backup; empty: backups, beside the store"),
	TEXT(store, installation, SETTING_ID, 0, 32,
	     "", "the installation whose store this must be; empty: any"),
	INTEGER(store, verify_hours, 0, 8760, 24,
		"hours after which the whole store is verified again; 0: at the start alone"),

	TEXT(audit, directory, SETTING_PATH, 1, TEXT_MAX, "/var/lib/holdfast/audit",
	     "folder of the audit log's segments"),
	TEXT(audit, also_lookup, SETTING_PATHS, 0, TEXT_MAX, "",
	     "further folders of audit logs that LookupEvents looks into"),
	TEXT(audit, name, SETTING_TEXT, 1, 64, "main",
	     "what the store calls this daemon's audit log"),
	INTEGER_LIVE(audit, segment_mib, 1, 4096, 256, "MiB at which a new segment begins"),
	INTEGER_LIVE(audit, segment_days, 0, 36500, 1,
		     "days (UTC) after which a new segment begins; 0: only by size"),
	INTEGER_LIVE(audit, sign_every_records, 1, 1000000, 16,
		     "records after which the token signs the head of the audit log"),
	INTEGER_LIVE(audit, sign_every_ms, 10, 3600000, 100,
		     "milliseconds after which a record is signed for at the latest"),
	INTEGER_LIVE(audit, keep_days, 0, 36500, 0, "days that a segment is kept; 0: for ever"),
	INTEGER_LIVE(audit, keep_mib, 0, 1073741824, 0,
		     "MiB of segments that are kept; 0: without bound"),
	INTEGER_LIVE(audit, warn_free_mib, 0, 1073741824, 1024,
		     "MiB free on the audit log's disk below which a warning is given"),
	CHOICE_LIVE(audit, sink, "none syslog journal", "none",
		    "where the lines of the audit log are told besides its files"),
	TEXT_LIVE(audit, sink_socket, SETTING_PATH, 0, SOCKET_MAX, "",
		  "datagram socket of that sink; empty: where it listens on every machine"),
	TEXT_LIVE(audit, sink_ident, SETTING_WORD, 1, 48, "holdfast-audit",
		  "name under which the sink is told"),
	CHOICE_LIVE(audit, sink_facility,
		    "user daemon auth authpriv local0 local1 local2 local3 local4 local5 local6 "
		    "local7",
		    "authpriv", "facility of syslog(3) under which the sink is told"),

	TEXT(events, file, SETTING_PATH, 0, TEXT_MAX, "",
	     "file of JSON lines that events of keys are appended to; empty: none"),
	TEXT(events, url, SETTING_HTTP_URL, 0, TEXT_MAX, "",
	     "HTTP endpoint that gets each event as the body of a POST; empty: none"),
	TEXT(events, ca_file, SETTING_PATH, 0, TEXT_MAX, "",
	     "PEM file of the authorities of the endpoint; empty: the system's"),
	TEXT(events, token_file, SETTING_PATH, 0, TEXT_MAX, "",
	     "file of the bearer token for the endpoint; empty: none"),
	INTEGER(events, queue_max, 1, 50000, 10000, "events that wait for a sink"),
	INTEGER(events, timeout_s, 1, 300, 10, "seconds for one request to the endpoint"),
	TEXT(events, spool, SETTING_PATH, 1, TEXT_MAX, "/var/lib/holdfast/events.spool",
	     "file for events that the endpoint has not taken yet"),

	INTEGER(service, blocking_threads, 1, 64, 4, "threads for work that waits for the store"),
	INTEGER_LIVE(service, calls_max, 16, 65536, 4096, "calls under way at once"),
	INTEGER(service, keys_cached_max, 16, 1000000, 20000, "keys held in memory"),
	INTEGER_LIVE(service, drain_timeout_s, 0, 600, 20,
		"seconds that a stop waits for calls under way"),

	INTEGER(rotation, managed_period_days, 1, 36500, 1095,
		"days between two rotations of a key that a service made"),
	INTEGER(rotation, on_demand_max, 0, 1000, 25,
		"rotations on demand that one key may have in all"),

	INTEGER_LIVE(scheduler, interval_ms, 10, 60000, 1000,
		     "milliseconds between two looks at what is due"),
	INTEGER_LIVE(scheduler, share_percent, 1, 100, 10,
		     "percent of the time that goes into a backlog of due work"),

	TEXT(token, socket, SETTING_PATH, 1, SOCKET_MAX, "/run/holdfast/token.sock",
	     "socket between holdfastd and holdfast-token"),
	TEXT(token, user, SETTING_USERS, 0, 64, "", "user that holdfast-token runs as"),
	INTEGER(token, timeout_ms, 10, 600000, 5000, "milliseconds for one operation on the token"),
	INTEGER(token, direct_messages_max, 65536, 4000000000, 2147483648,
		"messages under one key version of suite 3"),
	INTEGER(token, direct_block, 16, 16777216, 65536,
		"messages of suite 3 that are accounted for at once"),
	TEXT(token, module, SETTING_PATH, 0, TEXT_MAX, "", "the PKCS#11 module"),
	TEXT(token, uri, SETTING_URI, 7, TEXT_MAX, "pkcs11:token=holdfast", "the token"),
	TEXT(token, module_parameters, SETTING_TEXT, 0, TEXT_MAX, "",
	     "parameters for the module's C_Initialize"),
	TEXT_LIVE(token, pin_source, SETTING_PIN_SOURCE, 0, TEXT_MAX, "", "where the PIN is read"),
	TEXT(token, daemon_users, SETTING_USERS, 0, TEXT_MAX, "",
	     "users that may connect to holdfast-token"),
	TEXT(token, state_directory, SETTING_PATH, 1, TEXT_MAX, "/var/lib/holdfast-token",
	     "folder of holdfast-token's own files"),
	CHOICE(token, suite, "auto 1 2 3", "auto", "how new key versions seal"),
	INTEGER(token, lanes, 0, 64, 0, "sessions that work at once; 0: what suits the token"),
	INTEGER(token, message_key_messages, 1, 268435456, 268435456,
		"messages under one message key"),
	INTEGER(token, message_key_age_s, 1, 86400, 86400, "seconds that a message key seals"),
	INTEGER(token, message_key_cache, 1, 65536, 1024, "message keys kept for opening"),
	INTEGER(token, connections_max, 1, 1024, 64, "daemon connections at once"),
	INTEGER(token, queue_max, 16, 65536, 4096, "operations waiting at once"),
	TEXT(token, log_file, SETTING_PATH, 0, TEXT_MAX, "", "file of holdfast-token's log"),
	INTEGER_LIVE(token, hang_ms, 100, 60000, 2000,
		"milliseconds past its deadline until a stuck operation has the worker replaced"),
	TEXT(token, extra_syscalls, SETTING_TEXT, 0, TEXT_MAX, "",
	     "system calls that the module needs beyond the sandbox's list"),

	CHOICE(sandbox, seccomp, "enforce log off", "enforce",
	       "what a system call outside the sandbox's list leads to"),

	TEXT_LIVE(log, file, SETTING_PATH, 0, TEXT_MAX, "", "file of holdfastd's log"),
	INTEGER_LIVE(log, file_mib, 0, 4096, 64, "MiB at which a log file is set aside; 0: never"),
	INTEGER_LIVE(log, files_kept, 0, 1000, 10, "log files set aside that are kept"),
	CHOICE_LIVE(log, form, "text journal json auto", "auto", "form of the log's lines"),
	CHOICE_LIVE(log, level, "error warning info debug", "info", "least level that is logged"),
};
/* clang-format on */

const size_t settings_table_count = ARRAY_LEN(settings_table);

const int64_t *setting_integer(const struct setting *row, const struct settings *settings)
{
	return (const int64_t *)(const void *)((const char *)settings + row->offset);
}

const char *setting_text(const struct setting *row, const struct settings *settings)
{
	return (const char *)settings + row->offset;
}
