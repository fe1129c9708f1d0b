/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request on its way, between a door (server/) and the pipeline. The door fills the first part
 * and hands the call to service_handle(); when the reply may leave - its audit record is on disk -
 * the pipeline calls `reply` once, and the door sends and frees. The rest belongs to the pipeline.
 */
#ifndef HOLDFAST_SERVICE_CALL_H
#define HOLDFAST_SERVICE_CALL_H

#include "auth/sigv4.h"
#include "base/buf.h"
#include "base/secret.h"

#define CALL_BODY_MAX (256 << 10) /* bytes of a request body */
#define CALL_REQUEST_ID_LEN 36

enum call_door {
	CALL_DOOR_PUBLIC = 1, /* signed requests */
	CALL_DOOR_ADMIN = 2,  /* the admin socket: peer credentials */
};

/* How a call is written: where its operation is named, and what body and reply are. */
enum call_protocol {
	CALL_PROTOCOL_JSON = 0, /* X-Amz-Target and a JSON body: AWS JSON 1.1 */
	CALL_PROTOCOL_QUERY, /* a form with Action and Version, answered in XML: AWS Query (STS) */
	CALL_PROTOCOL_CLOUDTRAIL, /* as JSON, with targets and errors of CloudTrail */
};

#define CALL_TLS_SUBJECT_MAX 255
#define CALL_TLS_FINGERPRINT_LEN 64

/* How the connection is protected, for the record. */
struct call_tls {
	const char *version; /* "TLSv1.3"; static; NULL without TLS */
	const char *suite;   /* IANA's name; static */
	/* of the client's certificate, which was verified; "" without one */
	char client_subject[CALL_TLS_SUBJECT_MAX + 1];         /* RFC 4514 */
	char client_fingerprint[CALL_TLS_FINGERPRINT_LEN + 1]; /* SHA-256, hex */
};

struct call {
	/* filled by the door; borrowed until reply() */
	enum call_door door;
	enum call_protocol protocol;
	struct sigv4_request http; /* with the raw body */
	struct view target;        /* value of X-Amz-Target; empty without */
	struct view source_address;
	struct view user_agent;
	bool secure;         /* came over TLS: aws:SecureTransport */
	struct call_tls tls; /* when it did */
	uint32_t peer_uid;   /* ADMIN */
	int32_t peer_pid;
	void (*reply)(struct call *call); /* once, on any thread; must not block */
	void *user;

	/* the reply, valid from reply() until call_free() */
	uint16_t status;                          /* HTTP */
	char request_id[CALL_REQUEST_ID_LEN + 1]; /* x-amzn-RequestId */
	const char *content_type;                 /* static */
	struct buf body;                          /* when body_secret is NULL */
	struct secret *body_secret;               /* a body that carries a plaintext */

	struct call_work *work; /* the pipeline's own (service/work.h) */
};

/* A zeroed call with its own work area; E_NOMEM. */
NODISCARD struct err call_new(struct call **out);

/* Wipes and frees; *call may be NULL. Only before service_handle() or after reply(). */
void call_free(struct call **call);

#endif
